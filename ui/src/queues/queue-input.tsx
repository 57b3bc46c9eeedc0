import { Autocomplete } from "@mantine/core";

import { useLiveOverview } from "~/live/overview";

interface QueueInputProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
  placeholder?: string;
  required?: boolean;
  error?: string | undefined;
  /** A queue that is not offered. */
  except?: string;
}

/** The name of a queue; those that there are come up as one types. */
export function QueueInput({ label, value, onValue, placeholder = "", required = false, error, except }: QueueInputProps) {
  const { overview } = useLiveOverview();
  const queues = (overview?.readers ?? []).filter(({ lane, name }) => lane === "queue" && name !== except);
  return (
    <Autocomplete
      label={label}
      placeholder={placeholder}
      size="xs"
      spellCheck={false}
      required={required}
      error={error}
      data={queues.map(({ name }) => name)}
      // A form that appears focuses its first field: a list over the others is not what was asked for.
      openOnFocus={false}
      value={value}
      onChange={onValue}
    />
  );
}
