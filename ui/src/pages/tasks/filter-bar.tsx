import { Select } from "@mantine/core";

import { useAgents } from "~/api/agents";
import { TASK_STATES } from "~/api/tasks";
import { FilterInput } from "~/design";

import type { TaskField, TaskFilter } from "./filter";
import css from "./page.module.css";

const TEXTS: [field: TaskField, label: string][] = [
  ["skill", "Skill"],
  ["caller", "Caller"],
  ["context", "Context id"],
];

export function TaskFilterBar({ filter }: { filter: TaskFilter }) {
  const { wanted, set } = filter;
  const known = (useAgents().data?.items ?? []).map(({ name }) => name);
  const agents = wanted.agent === null || known.includes(wanted.agent) ? known : [...known, wanted.agent];
  return (
    <div className={css.filters} role="search" aria-label="Filter tasks">
      <Select
        data-filter
        aria-label="State"
        placeholder="Any state"
        size="xs"
        clearable
        data={TASK_STATES}
        value={wanted.state}
        onChange={(value) => {
          set("state", value);
        }}
      />
      <Select
        aria-label="Agent"
        placeholder="Any agent"
        size="xs"
        searchable
        clearable
        nothingFoundMessage="No such agent"
        data={agents}
        value={wanted.agent}
        onChange={(value) => {
          set("agent", value);
        }}
      />
      {TEXTS.map(([field, label]) => (
        <FilterInput
          key={field}
          label={label}
          placeholder={label}
          value={wanted[field]}
          onCommit={(value) => {
            set(field, value);
          }}
        />
      ))}
    </div>
  );
}
