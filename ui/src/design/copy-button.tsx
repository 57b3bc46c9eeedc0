import { ActionIcon, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { Check, Copy } from "lucide-react";

interface CopyButtonProps {
  text: string;
  /** What is copied, such as "payload". */
  what: string;
}

export function CopyButton({ text, what }: CopyButtonProps) {
  const { copy, copied } = useClipboard({ timeout: 1500 });
  const label = copied ? "Copied" : `Copy ${what}`;
  return (
    <Tooltip label={label}>
      <ActionIcon
        size="sm"
        aria-label={label}
        onClick={() => {
          copy(text);
        }}
      >
        {copied ? <Check size={14} color="var(--tl-ok)" /> : <Copy size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}
