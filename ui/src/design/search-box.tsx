import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { Search } from "lucide-react";
import { useState } from "react";

import css from "./search-box.module.css";

const TYPING_MS = 250;

interface SearchBoxProps {
  label: string;
  placeholder: string;
  /** What the address says; it may change by the browser's way back. */
  wanted: string;
  onText: (text: string) => void;
}

/** Where one types what to look for; told once the typing pauses. The key `/` leads here. */
export function SearchBox({ label, placeholder, wanted, onText }: SearchBoxProps) {
  const [known, setKnown] = useState(wanted);
  const [text, setText] = useState(wanted);
  if (known !== wanted) {
    setKnown(wanted);
    if (text.trim() !== wanted) setText(wanted);
  }
  const later = useDebouncedCallback(onText, TYPING_MS);
  return (
    <TextInput
      data-filter
      size="xs"
      className={css.box}
      aria-label={label}
      placeholder={placeholder}
      leftSection={<Search size={14} />}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value.trim());
      }}
    />
  );
}
