import { Link } from "react-router";

import type { MapEdge } from "~/api/resources";
import { DataTable, Figure, Panel, Quiet, RelativeTime, StateBadge, format } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";
import { nameOf, namesOf, pageOf, percent, rateOf, toneOf, verbOf } from "./words";

const COLUMNS: Column<MapEdge>[] = [
  {
    key: "way",
    title: "Who and whom",
    cell: (edge) => (
      <span className={css.way}>
        <span>
          <End id={edge.source} /> <Quiet>{verbOf(edge)}</Quiet> <End id={edge.target} />
        </span>
        <Quiet>{namesOf(edge)}</Quiet>
      </span>
    ),
  },
  { key: "rate", title: "Rate", align: "right", cell: ({ rate }) => rateOf(rate) },
  { key: "count", title: "Handled", align: "right", priority: "medium", cell: ({ count }) => <Figure value={count} /> },
  {
    key: "errors",
    title: "Failed",
    align: "right",
    cell: (edge) => (
      <StateBadge state={percent(edge.error_rate)} tone={edge.failed === 0 ? "neutral" : toneOf(edge)} plain />
    ),
  },
  { key: "p50", title: "p50", align: "right", priority: "medium", cell: ({ p50_ms: took }) => duration(took) },
  { key: "p95", title: "p95", align: "right", cell: ({ p95_ms: took }) => duration(took) },
  {
    key: "last",
    title: "Last",
    align: "right",
    priority: "low",
    cell: ({ last_at: at }) => (
      <Quiet>
        <RelativeTime at={at} />
      </Quiet>
    ),
  },
];

/** The map in words and figures, the busiest first. */
export function TrafficTable({ edges }: { edges: MapEdge[] }) {
  const rows = [...edges].sort((a, b) => b.count - a.count);
  return (
    <Panel flush label="Traffic" title="Traffic" aside={<Quiet>durations are within a tenth</Quiet>}>
      <DataTable
        label="Traffic"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ source, target, kind }) => `${source} ${target} ${kind}`}
        rowTestId="traffic-row"
        empty={null}
      />
    </Panel>
  );
}

function duration(ms: number | null) {
  return <Quiet>{ms === null ? "none" : format.duration(ms)}</Quiet>;
}

function End({ id }: { id: string }) {
  const page = pageOf(id);
  const name = nameOf(id);
  return page === null ? <b>{name}</b> : <Link to={page}>{name}</Link>;
}
