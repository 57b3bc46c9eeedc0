import { NumberInput, TextInput } from "@mantine/core";

import { FIELDS } from "./fields";
import type { Texts } from "./fields";

interface SettingInputsProps {
  texts: Texts;
  /** What the hub found wrong, by pointer. */
  wrong: Record<string, string>;
  disabled?: boolean;
  placeholder?: string;
  onText: (pointer: string, text: string | number) => void;
}

/** One input for each setting, with what is wrong with it below. */
export function SettingInputs({ texts, wrong, disabled = false, placeholder = "", onText }: SettingInputsProps) {
  return FIELDS.map(({ pointer, label, about, suffix, weights = false }) => {
    const shared = { size: "xs", label, description: about, disabled, error: errorAt(wrong, pointer), value: texts[pointer] ?? "" };
    if (weights) {
      return (
        <TextInput
          key={pointer}
          {...shared}
          placeholder="high=4, low=1"
          onChange={(event) => {
            onText(pointer, event.currentTarget.value);
          }}
        />
      );
    }
    return (
      <NumberInput
        key={pointer}
        {...shared}
        placeholder={placeholder}
        hideControls
        {...(suffix === undefined ? {} : { suffix })}
        onChange={(value) => {
          onText(pointer, value);
        }}
      />
    );
  });
}

/** An error may point into what is one field here, such as a single class. */
function errorAt(wrong: Record<string, string>, pointer: string): string | undefined {
  const found = Object.entries(wrong).find(([at]) => at === pointer || at.startsWith(`${pointer}/`));
  return found?.[1];
}
