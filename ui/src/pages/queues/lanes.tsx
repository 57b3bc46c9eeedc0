import type { Queue } from "~/api/resources";
import { DataTable, Figure, Quiet } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";

/** What one class holds, its partitions taken together. */
interface ClassState {
  name: string;
  weight: number;
  depth: number;
  inFlight: number;
  /** Partitions that hold something. */
  busy: number;
}

const COLUMNS: Column<ClassState>[] = [
  { key: "name", title: "Class", cell: ({ name }) => name },
  { key: "weight", title: "Weight", align: "right", cell: ({ weight }) => weight },
  { key: "depth", title: "Waiting", align: "right", cell: ({ depth }) => <Figure value={depth} /> },
  { key: "flight", title: "In flight", align: "right", cell: ({ inFlight }) => <Figure value={inFlight} /> },
];

/** By priority class, where it has any; and how many partitions are in use, where keys matter. */
export function Lanes({ queue }: { queue: Queue }) {
  if (queue.lanes.length < 2) return null;
  const rows = byClass(queue);
  const partitioned = queue.concurrency_per_key > 0;
  const busy: Column<ClassState> = {
    key: "busy",
    title: "Partitions",
    align: "right",
    cell: (one) => <Quiet>{`${String(one.busy)} of ${String(queue.partitions)} in use`}</Quiet>,
  };
  return (
    <div className={css.lanes} data-testid="lanes">
      <DataTable label="By class" columns={partitioned ? [...COLUMNS, busy] : COLUMNS} rows={rows} rowKey={({ name }) => name} />
    </div>
  );
}

function byClass({ lanes, classes }: Queue): ClassState[] {
  const names = [...new Set(lanes.map(({ priority }) => priority))];
  const sum = (values: number[]) => values.reduce((all, one) => all + one, 0);
  const rows = names.map((name) => {
    const mine = lanes.filter(({ priority }) => priority === name);
    return {
      name,
      weight: classes[name] ?? 1,
      depth: sum(mine.map(({ depth }) => depth)),
      inFlight: sum(mine.map(({ in_flight: taken }) => taken)),
      busy: mine.filter(({ depth, in_flight: taken }) => depth + taken > 0).length,
    };
  });
  return rows.sort((a, b) => b.weight - a.weight);
}
