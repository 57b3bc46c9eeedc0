import { TextInput } from "@mantine/core";

interface ReasonProps {
  value: string;
  onValue: (reason: string) => void;
  placeholder?: string;
  /** With a label of its own above it. */
  labelled?: boolean;
  disabled?: boolean;
}

/** Why something is done: whoever reads the audit trail wants to know. */
export function Reason({ value, onValue, placeholder = "Kept in the audit trail", labelled = true, disabled = false }: ReasonProps) {
  return (
    <TextInput
      size="xs"
      {...(labelled ? { label: "Reason" } : { "aria-label": "Reason" })}
      placeholder={placeholder}
      maxLength={1000}
      disabled={disabled}
      value={value}
      onChange={(event) => {
        onValue(event.currentTarget.value);
      }}
    />
  );
}
