import { TextInput } from "@mantine/core";
import type { TextInputProps } from "@mantine/core";

const DIGITS = 2;
const pad = (value: number) => String(value).padStart(DIGITS, "0");

/** An RFC 3339 moment as the clock on the wall shows it here, in the words of a `datetime-local` input. */
export function toWallClock(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${String(date.getFullYear())}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

interface MomentInputProps extends Omit<TextInputProps, "value" | "onChange"> {
  /** RFC 3339. */
  value: string | null;
  onMoment: (at: string | null) => void;
}

/** A moment, typed or picked in the reader's own time zone. */
export function MomentInput({ value, onMoment, ...rest }: MomentInputProps) {
  return (
    <TextInput
      size="xs"
      {...rest}
      type="datetime-local"
      step={1}
      value={value === null ? "" : toWallClock(value)}
      onChange={(event) => {
        const date = new Date(event.currentTarget.value);
        onMoment(Number.isNaN(date.getTime()) ? null : date.toISOString());
      }}
    />
  );
}
