import { Autocomplete } from "@mantine/core";

import { useLiveOverview } from "~/live/overview";

interface QueueInputProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
}

/** Another queue to send to; empty is where each letter came from. */
export function QueueInput({ label, value, onValue }: QueueInputProps) {
  const { overview } = useLiveOverview();
  const queues = (overview?.readers ?? []).filter(({ lane }) => lane === "queue").map(({ name }) => name);
  return (
    <Autocomplete
      label={label}
      placeholder="where it came from"
      size="xs"
      spellCheck={false}
      data={queues}
      value={value}
      onChange={onValue}
    />
  );
}
