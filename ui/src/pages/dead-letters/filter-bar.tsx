import { Button, Select } from "@mantine/core";
import { ListFilter } from "lucide-react";
import { useState } from "react";

import { useLetterSummary } from "~/api/dead-letters";
import { FilterInput, MomentInput, format } from "~/design";

import { BETWEEN, SPANS, readerKey } from "./filter";
import type { Field, FilterState } from "./filter";
import css from "./page.module.css";
import { REASONS, reasonLabel } from "./reasons";

const RARE: [field: Field, label: string][] = [
  ["sender", "Sender"],
  ["agent", "Agent"],
  ["message", "Message id"],
];

interface Option {
  value: string;
  label: string;
}

export function FilterBar({ state }: { state: FilterState }) {
  const { wanted } = state;
  const everything = useLetterSummary(null).data;
  const [more, setMore] = useState(false);
  const rareInUse = RARE.some(([field]) => wanted[field] !== null);
  const readers = (everything?.readers ?? []).map(({ value, lane, waiting }) => ({
    value: readerKey(lane ?? "queue", value),
    label: `${value} (${lane ?? "queue"}) · ${format.count(waiting)}`,
  }));
  const reasons = (everything?.reasons ?? []).map(({ value, waiting }) => ({
    value,
    label: `${reasonLabel(value)} · ${format.count(waiting)}`,
  }));
  const types = (everything?.types ?? []).map(({ value, waiting }) => ({
    value,
    label: `${value} · ${format.count(waiting)}`,
  }));
  const known = reasons.length > 0 ? reasons : Object.entries(REASONS).map(([value, { label }]) => ({ value, label }));
  return (
    <div className={css.filters} role="search" aria-label="Filter dead letters">
      <Choice state={state} name="reader" label="Reader" options={readers} value={state.reader} first />
      <Choice state={state} name="reason" label="Reason" options={known} value={wanted.reason} />
      <Choice state={state} name="type" label="Type" options={types} value={wanted.type} />
      <Text state={state} field="error" label="Text in the error" />
      <Text state={state} field="correlation" label="Correlation id" />
      <Died state={state} />
      {(more || rareInUse) && RARE.map(([field, label]) => <Text key={field} state={state} field={field} label={label} />)}
      {!rareInUse && (
        <Button
          variant="default"
          leftSection={<ListFilter size={14} />}
          aria-pressed={more}
          onClick={() => {
            setMore(!more);
          }}
        >
          {more ? "Fewer" : "More"}
        </Button>
      )}
    </div>
  );
}

interface ChoiceProps {
  state: FilterState;
  name: "reader" | "reason" | "type";
  label: string;
  options: Option[];
  value: string | null;
  first?: boolean;
}

function Choice({ state, name, label, options, value, first = false }: ChoiceProps) {
  return (
    <Select
      data-filter={first ? true : undefined}
      aria-label={label}
      placeholder={`Any ${label.toLowerCase()}`}
      size="xs"
      searchable
      clearable
      nothingFoundMessage={`No such ${label.toLowerCase()}`}
      data={withChosen(options, value)}
      value={value}
      onChange={(chosen) => {
        state.set(name, chosen);
      }}
    />
  );
}

function Text({ state, field, label }: { state: FilterState; field: Field; label: string }) {
  return (
    <FilterInput
      label={label}
      placeholder={label}
      value={state.wanted[field]}
      onCommit={(value) => {
        state.set(field, value);
      }}
    />
  );
}

/** When it died: a while ago, or between two moments. */
function Died({ state }: { state: FilterState }) {
  const { died, wanted } = state;
  return (
    <>
      <Select
        aria-label="Died"
        placeholder="Died any time"
        size="xs"
        clearable
        data={[...SPANS.map(({ value, label }) => ({ value, label })), { value: BETWEEN, label: "Between…" }]}
        value={died}
        onChange={(value) => {
          state.set("died", value);
        }}
      />
      {died === BETWEEN && (
        <>
          <MomentInput
            className={css.moment}
            aria-label="Died since"
            value={wanted.since}
            onMoment={(at) => {
              state.set("since", at);
            }}
          />
          <MomentInput
            className={css.moment}
            aria-label="Died before"
            value={wanted.before}
            onMoment={(at) => {
              state.set("before", at);
            }}
          />
        </>
      )}
    </>
  );
}

/** An address may name what is not, or no longer, known. */
function withChosen(options: Option[], chosen: string | null): Option[] {
  if (chosen === null || options.some((option) => option.value === chosen)) return options;
  return [...options, { value: chosen, label: chosen }];
}
