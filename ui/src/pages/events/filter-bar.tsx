import { Select } from "@mantine/core";

import { FilterInput } from "~/design";

import { SPANS } from "./filter";
import type { Field, FilterState } from "./filter";
import css from "./page.module.css";

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
        <Condition key={field} state={state} field={field} label={label} placeholder={placeholder} />
      ))}
      {state.filter.trace !== null && <Condition state={state} field="trace" label="Trace id" placeholder="Trace id" />}
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

interface ConditionProps {
  state: FilterState;
  field: Field;
  label: string;
  placeholder: string;
}

function Condition({ state, field, label, placeholder }: ConditionProps) {
  return (
    <FilterInput
      label={label}
      placeholder={placeholder}
      value={state.filter[field]}
      first={field === "type"}
      onCommit={(value) => {
        state.set(field, value);
      }}
    />
  );
}
