import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { Search } from "lucide-react";
import { useState } from "react";

import css from "./filter-input.module.css";

const TYPING_MS = 350;

interface FilterInputProps {
  label: string;
  placeholder: string;
  value: string | null;
  /** Empty is no condition. */
  onCommit: (value: string) => void;
  /** The page's first: `/` focuses it. */
  first?: boolean;
  /** The list's only one, which looks into several of its columns. */
  search?: boolean;
}

/** One condition of a list's filter. Takes effect once the typing rests, or at Enter. */
export function FilterInput({ label, placeholder, value, onCommit, first = false, search = false }: FilterInputProps) {
  const wanted = value ?? "";
  const [known, setKnown] = useState(wanted);
  const [text, setText] = useState(wanted);
  // The address has changed otherwise: by a link, or by clearing it all.
  if (known !== wanted) {
    setKnown(wanted);
    if (text.trim() !== wanted) setText(wanted);
  }
  const commit = (typed: string) => {
    onCommit(typed.trim());
  };
  const later = useDebouncedCallback(commit, TYPING_MS);
  return (
    <TextInput
      data-filter={first || search ? true : undefined}
      className={search ? css.search : undefined}
      leftSection={search ? <Search size={14} /> : null}
      aria-label={label}
      placeholder={placeholder}
      size="xs"
      spellCheck={false}
      autoComplete="off"
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          later.cancel();
          commit(text);
        }
      }}
      rightSection={
        text === "" ? null : (
          <CloseButton
            size="xs"
            aria-label={`Clear ${label.toLowerCase()}`}
            onClick={() => {
              later.cancel();
              setText("");
              commit("");
            }}
          />
        )
      }
    />
  );
}
