import { SegmentedControl, Select } from "@mantine/core";

import { useLiveOverview } from "~/live/overview";

import { readerKey } from "./filter";
import type { FilterState } from "./filter";
import css from "./page.module.css";
import { REASONS } from "./reasons";

const REASON_OPTIONS = Object.entries(REASONS).map(([value, { label }]) => ({ value, label }));

export function FilterBar({ state }: { state: FilterState }) {
  const { overview } = useLiveOverview();
  const known = (overview?.readers ?? []).map(({ lane, name }) => ({
    value: readerKey(lane, name),
    label: `${name} (${lane})`,
  }));
  return (
    <div className={css.filters} role="search" aria-label="Filter dead letters">
      <Select
        data-filter
        aria-label="Reader"
        placeholder="Any reader"
        size="xs"
        className={css.select}
        searchable
        clearable
        nothingFoundMessage="No such reader"
        data={withChosen(known, state.reader)}
        value={state.reader}
        onChange={(value) => {
          state.set("reader", value);
        }}
      />
      <Select
        aria-label="Reason"
        placeholder="Any reason"
        size="xs"
        className={css.select}
        clearable
        data={withChosen(REASON_OPTIONS, state.filter.reason)}
        value={state.filter.reason}
        onChange={(value) => {
          state.set("reason", value);
        }}
      />
      <SegmentedControl
        aria-label="Which"
        size="xs"
        data={[
          { value: "waiting", label: "Waiting" },
          { value: "all", label: "All" },
        ]}
        value={state.filter.waiting ? "waiting" : "all"}
        onChange={(value) => {
          state.set("show", value === "all" ? value : null);
        }}
      />
    </div>
  );
}

/** An address may name what is not, or no longer, known. */
function withChosen(options: { value: string; label: string }[], chosen: string | null) {
  if (chosen === null || options.some((option) => option.value === chosen)) return options;
  return [...options, { value: chosen, label: chosen }];
}
