import type { DeadEnd } from "~/api/resources";
import { useDeadEnds } from "~/api/routes";
import { DataTable, Panel, Quiet, RelativeTime, format } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";

const COLUMNS: Column<DeadEnd>[] = [
  { key: "type", title: "Type", cell: (one) => <span className={css.name}>{one.type}</span> },
  { key: "why", title: "Why", cell: (one) => (one.route === null ? one.reason : `${one.route}: ${one.reason}`) },
  { key: "count", title: "Events", align: "right", cell: (one) => format.count(one.count) },
  {
    key: "last",
    title: "Last",
    align: "right",
    priority: "medium",
    cell: (one) => (
      <Quiet>
        <RelativeTime at={one.last_at} />
      </Quiet>
    ),
  },
];

/** What led nowhere; says nothing where everything leads somewhere. */
export function DeadEnds() {
  const rows = useDeadEnds().data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Panel flush title="Dead ends" aside={<Quiet>What nothing took stays in the log.</Quiet>}>
      <DataTable
        label="Dead ends"
        columns={COLUMNS}
        rows={rows}
        rowKey={(one) => `${one.route ?? ""} ${one.type}`}
        rowTestId="dead-end-row"
      />
    </Panel>
  );
}
