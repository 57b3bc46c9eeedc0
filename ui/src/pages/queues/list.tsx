import { Skeleton } from "@mantine/core";
import { Layers, SearchX } from "lucide-react";
import { Link, useSearchParams } from "react-router";

import { problemOf } from "~/api/problem";
import { useQueues } from "~/api/queues";
import type { Queue } from "~/api/resources";
import {
  DataTable, EmptyState, ErrorState, Figure, LoadMore, Panel, Quiet, RowLink, SearchBox, Sparkline, format,
} from "~/design";
import type { Column } from "~/design";
import { readerKey } from "~/pages/dead-letters/filter";

import css from "./page.module.css";
import { QueueState, stateOf } from "./state";

interface QueueListProps {
  search: string;
  selected: string | undefined;
  onOpen: (name: string) => void;
}

export function QueueList({ search, selected, onOpen }: QueueListProps) {
  const [params, setParams] = useSearchParams();
  const text = params.get("text");
  const queues = useQueues(text);
  const rows = queues.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <div className={css.filters} role="search" aria-label="Filter queues">
        <SearchBox
          label="Search queues"
          placeholder="Part of a name"
          wanted={text ?? ""}
          onText={(value) => {
            setParams(value === "" ? {} : { text: value }, { replace: true });
          }}
        />
      </div>
      <Panel flush label="Queues">
        {queues.isError && rows === undefined && (
          <ErrorState problem={problemOf(queues.error)} onRetry={() => void queues.refetch()} />
        )}
        {queues.isPending && <Skeleton height={280} radius={0} />}
        {rows !== undefined && (
          <DataTable
            label="Queues"
            columns={columns(search, rows)}
            rows={rows}
            rowKey={({ name }) => name}
            rowTestId="queue-row"
            selected={selected}
            onOpen={({ name }) => {
              onOpen(name);
            }}
            empty={<NoQueues narrowed={text !== null} />}
          />
        )}
        <LoadMore list={queues} />
      </Panel>
    </>
  );
}

function NoQueues({ narrowed }: { narrowed: boolean }) {
  return (
    <EmptyState icon={narrowed ? SearchX : Layers} title={narrowed ? "No queue has this in its name" : "There are no queues yet"}>
      A queue appears once it is declared, or an agent registers with <code>@agent.task</code>.
    </EmptyState>
  );
}

/** Columns that no queue here has anything for are left out. */
function columns(search: string, rows: Queue[]): Column<Queue>[] {
  const measured = rows.some(({ in_per_s: rate }) => rate !== undefined);
  return [
    {
      key: "name",
      title: "Queue",
      cell: (queue) => <RowLink to={`/queues/${encodeURIComponent(queue.name)}${search}`} name={queue.name} under={under(queue)} />,
    },
    { key: "state", title: "State", cell: (queue) => <QueueState queue={queue} /> },
    { key: "waiting", title: "Waiting", align: "right", cell: (queue) => <Depth queue={queue} /> },
    { key: "flight", title: "In flight", align: "right", priority: "medium", cell: (queue) => <Figure value={queue.in_flight} /> },
    ...(measured ? MEASURED : []),
    { key: "workers", title: measured ? "Workers" : "Asking", align: "right", priority: "low", cell: (queue) => <Figure value={workersOf(queue)} /> },
    {
      key: "dead",
      title: "Dead",
      align: "right",
      priority: "medium",
      cell: ({ name, dead }) =>
        dead === 0 ? <Figure value={0} /> : (
          <Link to={deadLettersOf(name)} aria-label={`${String(dead)} dead letters`} className={css.plain}>
            <Figure value={dead} trouble />
          </Link>
        ),
    },
  ];
}

const MEASURED: Column<Queue>[] = [
  { key: "oldest", title: "Oldest", align: "right", priority: "medium", cell: ({ oldest_age_s: age }) => <Quiet>{age == null ? "none" : format.age(age)}</Quiet> },
  { key: "rates", title: "In / out", align: "right", priority: "low", cell: (queue) => <Quiet>{rates(queue)}</Quiet> },
];

function Depth({ queue }: { queue: Queue }) {
  const trend = queue.trend ?? [];
  return (
    <span className={css.depth}>
      {trend.some((value) => value > 0) && <Sparkline values={trend} color="var(--tl-copper)" className={css.spark} />}
      <Figure value={queue.depth} />
    </span>
  );
}

export function deadLettersOf(name: string): string {
  return `/dead-letters?reader=${encodeURIComponent(readerKey("queue", name))}`;
}

/** Running agents that take its work; or else the requests for work that wait at the broker. */
export function workersOf({ workers, workers_waiting: waiting }: Queue): number {
  return workers ?? waiting;
}

/** "12 / 9.5 a second". */
export function rates({ in_per_s: came = 0, out_per_s: went = 0 }: Queue): string {
  return `${format.rate(came)} / ${format.rate(went)} a second`;
}

/** What one should know before opening it. */
function under(queue: Queue): string {
  const { depth, in_flight: taken, status } = queue;
  if (stateOf(queue) !== "active") return status?.reason || `since ${status?.by ?? "somebody"} said so`;
  return depth > 0 && taken === 0 && workersOf(queue) === 0 ? "no worker asks for more" : "";
}
