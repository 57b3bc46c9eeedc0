import { CloseButton, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";

import { SPANS } from "./filter";
import type { Field, FilterState } from "./filter";
import css from "./page.module.css";

const TYPING_MS = 350;
const ALL = "all";

const INPUTS: [field: Field, label: string, placeholder: string][] = [
  ["type", "Type", "Type, or order.*"],
  ["subject", "Subject", "Subject"],
  ["sender", "Sender", "Sender"],
  ["correlation", "Correlation", "Correlation id"],
  ["id", "Event id", "Event id"],
];

export function FilterBar({ state }: { state: FilterState }) {
  return (
    <div className={css.filters} role="search" aria-label="Filter events">
      {INPUTS.map(([field, label, placeholder]) => (
        <FilterInput key={field} state={state} field={field} label={label} placeholder={placeholder} />
      ))}
      {state.filter.trace !== null && <FilterInput state={state} field="trace" label="Trace id" placeholder="Trace id" />}
      <Select
        aria-label="Stored"
        size="xs"
        allowDeselect={false}
        data={[...SPANS.map(({ value, label }) => ({ value, label })), { value: ALL, label: "All time" }]}
        value={state.filter.last_ms === null ? ALL : state.span}
        onChange={(value) => {
          state.set("span", value === ALL ? null : value);
        }}
      />
    </div>
  );
}

interface FilterInputProps {
  state: FilterState;
  field: Field;
  label: string;
  placeholder: string;
}

/** Takes effect once the typing rests, or at Enter. */
function FilterInput({ state, field, label, placeholder }: FilterInputProps) {
  const wanted = state.filter[field] ?? "";
  const [known, setKnown] = useState(wanted);
  const [text, setText] = useState(wanted);
  // The address has changed otherwise: by a link, or by clearing it all.
  if (known !== wanted) {
    setKnown(wanted);
    if (text.trim() !== wanted) setText(wanted);
  }
  const commit = (value: string) => {
    state.set(field, value.trim());
  };
  const later = useDebouncedCallback(commit, TYPING_MS);
  return (
    <TextInput
      data-filter={field === "type" ? true : undefined}
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
