import { Waypoints } from "lucide-react";

import { DataTable, EmptyState, StateBadge, format } from "~/design";
import type { Column } from "~/design";

import { errorOf, outcome, toneOf, what, who } from "./lines";
import type { Line } from "./lines";
import css from "./page.module.css";

/** The same as the waterfall, in words and numbers. */
export function TraceTable({ lines }: { lines: Line[] }) {
  const began = Math.min(...lines.flatMap(({ start }) => start ?? []));
  const columns: Column<Line>[] = [
    {
      key: "what",
      title: "What",
      cell: (line) => (
        <span className={css.cell} style={{ paddingLeft: `${String(line.depth * 14)}px` }}>
          <span className={line.kind === "message" ? css.strong : undefined}>{what(line)}</span>
          {errorOf(line) !== "" && <span className={css.error}>{errorOf(line)}</span>}
        </span>
      ),
    },
    { key: "who", title: "Who", priority: "medium", cell: who },
    {
      key: "outcome",
      title: "Outcome",
      cell: (line) => (
        <StateBadge state={outcome(line)} tone={toneOf(line)} plain />
      ),
    },
    {
      key: "at",
      title: "After",
      align: "right",
      cell: ({ start }) => <span className={css.figure}>{start === null ? "" : format.duration(start - began)}</span>,
    },
    {
      key: "took",
      title: "Took",
      align: "right",
      priority: "low",
      cell: (line) => (line.kind === "handling" ? format.duration(line.handling.duration_ms) : ""),
    },
  ];
  return (
    <DataTable
      label="What happened"
      columns={columns}
      rows={lines}
      rowKey={({ key }) => key}
      rowTestId="trace-row"
      empty={<EmptyState icon={Waypoints} title="Nothing happened yet" />}
    />
  );
}
