import { Skeleton } from "@mantine/core";
import { Radio } from "lucide-react";

import { useGroups } from "~/api/groups";
import { problemOf } from "~/api/problem";
import type { Group } from "~/api/resources";
import { DataTable, EmptyState, ErrorState, Figure, Panel, format } from "~/design";
import type { Column } from "~/design";

import css from "./tables.module.css";

const COLUMNS: Column<Group>[] = [
  {
    key: "name",
    title: "Group",
    cell: ({ name, types, workers_waiting: workers }) => (
      <>
        <span className={css.name}>
          <b>{name}</b>
        </span>
        <div className={css.about} title={types.join(", ")}>
          {types.join(", ")}
          {workers === 0 && " · no worker asks for more"}
        </div>
      </>
    ),
  },
  { key: "waiting", title: "Waiting", align: "right", cell: ({ waiting }) => <Figure value={waiting} /> },
  { key: "flight", title: "In flight", align: "right", priority: "medium", cell: ({ in_flight }) => <Figure value={in_flight} /> },
  {
    key: "oldest",
    title: "Oldest",
    align: "right",
    cell: ({ oldest_unhandled_s: age }) =>
      age === null ? <span className={css.zero}>none</span> : <span>{format.duration(age * 1000)}</span>,
  },
  {
    key: "rate",
    title: "Handled",
    align: "right",
    cell: ({ rate_per_s: rate }) => (
      <span className={rate === null || rate === 0 ? css.zero : undefined}>
        {rate === null ? "unknown" : `${format.rate(rate)}/s`}
      </span>
    ),
  },
];

/** How far behind the log each group is. */
export function GroupsTable() {
  const groups = useGroups();
  return (
    <Panel title="Lag of event groups" flush label="Lag of event groups" aside={<span className={css.aside}>over 15 seconds</span>}>
      {groups.isPending && <Skeleton height={120} radius={0} />}
      {groups.isError && groups.data === undefined && (
        <ErrorState problem={problemOf(groups.error)} onRetry={() => void groups.refetch()} />
      )}
      {groups.data !== undefined && (
        <DataTable
          label="Lag of event groups"
          columns={COLUMNS}
          rows={[...groups.data].sort((a, b) => b.waiting - a.waiting || a.name.localeCompare(b.name))}
          rowKey={({ name }) => name}
          rowTestId="group-row"
          empty={
            <EmptyState icon={Radio} title="No group follows the log">
              A group appears once an agent registers with <code>@agent.on</code>.
            </EmptyState>
          }
        />
      )}
    </Panel>
  );
}
