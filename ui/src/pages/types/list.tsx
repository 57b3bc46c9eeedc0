import { SegmentedControl, Skeleton } from "@mantine/core";
import { BookType, SearchX } from "lucide-react";
import { useSearchParams } from "react-router";

import { useEventTypes } from "~/api/event-types";
import type { TypeFilter } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import type { EventType } from "~/api/resources";
import {
  Chip, DataTable, EmptyState, ErrorState, Figure, FilterInput, ListFoot, LoadMore, Panel, Quiet, RelativeTime, RowLink,
  StateBadge,
} from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";

const KINDS: { value: string; label: string; filter: Omit<TypeFilter, "text"> }[] = [
  { value: "all", label: "All", filter: { declared: null, deprecated: null } },
  { value: "declared", label: "Declared", filter: { declared: true, deprecated: null } },
  { value: "observed", label: "Undeclared", filter: { declared: false, deprecated: null } },
  { value: "deprecated", label: "Deprecated", filter: { declared: null, deprecated: true } },
];

interface TypeListProps {
  search: string;
  selected: string | undefined;
  onOpen: (name: string) => void;
}

export function TypeList({ search, selected, onOpen }: TypeListProps) {
  const [params, setParams] = useSearchParams();
  const kind = KINDS.find(({ value }) => value === params.get("show")) ?? KINDS[0];
  const text = params.get("text");
  const types = useEventTypes({ text, declared: kind?.filter.declared ?? null, deprecated: kind?.filter.deprecated ?? null });
  const rows = types.data?.pages.flatMap((page) => page.items);
  const narrowed = text !== null || params.has("show");
  const set = (name: string, value: string) => {
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === "" || value === "all") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  return (
    <>
      <div className={css.filters} role="search" aria-label="Filter event types">
        <FilterInput
          search
          label="Search types"
          placeholder="Name, description, tag"
          value={text}
          onCommit={(value) => {
            set("text", value);
          }}
        />
        <SegmentedControl
          size="xs"
          aria-label="Which"
          data={KINDS.map(({ value, label }) => ({ value, label }))}
          value={kind?.value ?? "all"}
          onChange={(value) => {
            set("show", value);
          }}
        />
      </div>
      <Panel flush label="Event types">
        {types.isError && rows === undefined && (
          <ErrorState problem={problemOf(types.error)} onRetry={() => void types.refetch()} />
        )}
        {types.isPending && <Skeleton height={280} radius={0} />}
        {rows !== undefined && (
          <DataTable
            label="Event types"
            columns={columns(search)}
            rows={rows}
            rowKey={({ name }) => name}
            rowTestId="type-row"
            selected={selected}
            onOpen={({ name }) => {
              onOpen(name);
            }}
            empty={
              <EmptyState icon={narrowed ? SearchX : BookType} title={narrowed ? "No type matches" : "Nothing was said yet"}>
                A type appears here as soon as it is declared, or an event of it is published.
              </EmptyState>
            }
          />
        )}
        <ListFoot>
          <LoadMore list={types} />
        </ListFoot>
      </Panel>
    </>
  );
}

/** Declared, seen only, or on its way out. */
export function TypeState({ type }: { type: EventType }) {
  if (type.deprecated_at != null) return <StateBadge state="deprecated" tone="warn" />;
  return type.declared ? <StateBadge state="declared" tone="ok" /> : <StateBadge state="undeclared" />;
}

function columns(search: string): Column<EventType>[] {
  return [
    {
      key: "name",
      title: "Type",
      cell: (type) => (
        <RowLink
          to={`/types/${encodeURIComponent(type.name)}${search}`}
          name={type.name}
          under={type.description || (type.owner && `of ${type.owner}`)}
        />
      ),
    },
    { key: "state", title: "State", cell: (type) => <TypeState type={type} /> },
    { key: "policy", title: "Policy", priority: "low", cell: (type) => type.declared && <Chip>{type.policy ?? "open"}</Chip> },
    {
      key: "versions",
      title: "Versions",
      align: "right",
      priority: "medium",
      cell: ({ versions = 0 }) => <Figure value={versions} />,
    },
    {
      key: "count",
      title: "Seen",
      align: "right",
      priority: "low",
      cell: ({ count = 0 }) => <Figure value={count} />,
    },
    {
      key: "quarantined",
      title: "Unfit",
      align: "right",
      cell: ({ quarantined = 0 }) => <Figure value={quarantined} trouble />,
    },
    {
      key: "last",
      title: "Last",
      align: "right",
      priority: "low",
      cell: ({ last_seen_at: last }) => <Quiet>{last == null ? "never" : <RelativeTime at={last} />}</Quiet>,
    },
  ];
}
