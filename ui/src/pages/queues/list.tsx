import { Skeleton } from "@mantine/core";
import { Layers, SearchX } from "lucide-react";
import { Link, useSearchParams } from "react-router";

import { problemOf } from "~/api/problem";
import { useQueues } from "~/api/queues";
import type { Queue } from "~/api/resources";
import {
  DataTable, EmptyState, ErrorState, Figure, FilterInput, ListFoot, LoadMore, Panel, Quiet, RowLink, Sparkline, format,
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
        <FilterInput
          search
          label="Search queues"
          placeholder="Part of a name"
          value={text}
          onCommit={(value) => {
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
            columns={columns(search)}
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
        <ListFoot>
          <LoadMore list={queues} />
        </ListFoot>
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

function columns(search: string): Column<Queue>[] {
  return [
    {
      key: "name",
      title: "Queue",
      cell: (queue) => <RowLink to={`/queues/${encodeURIComponent(queue.name)}${search}`} name={queue.name} under={under(queue)} />,
    },
    { key: "state", title: "State", cell: (queue) => <QueueState queue={queue} /> },
    { key: "waiting", title: "Waiting", align: "right", cell: (queue) => <Depth queue={queue} /> },
    { key: "flight", title: "In flight", align: "right", priority: "medium", cell: (queue) => <Figure value={queue.in_flight} /> },
    {
      key: "oldest",
      title: "Oldest",
      align: "right",
      priority: "medium",
      cell: ({ oldest_age_s: age }) => <Quiet>{age === null ? "none" : format.age(age)}</Quiet>,
    },
    { key: "rates", title: "In / out", align: "right", priority: "low", cell: (queue) => <Quiet>{rates(queue)}</Quiet> },
    { key: "workers", title: "Workers", align: "right", priority: "low", cell: ({ workers }) => <Figure value={workers} /> },
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

function Depth({ queue: { depth, trend } }: { queue: Queue }) {
  return (
    <span className={css.depth}>
      {trend.some((value) => value > 0) && <Sparkline values={trend} color="var(--tl-copper)" className={css.spark} />}
      <Figure value={depth} />
    </span>
  );
}

export function deadLettersOf(name: string): string {
  return `/dead-letters?reader=${encodeURIComponent(readerKey("queue", name))}`;
}

/** "12 / 9.5 a second". */
export function rates({ in_per_s: came, out_per_s: went }: Queue): string {
  return `${format.rate(came)} / ${format.rate(went)} a second`;
}

/** What one should know before opening it: what holds it up, or how it is unlike a plain one. */
function under(queue: Queue): string {
  const { depth, in_flight: taken, status, workers, workers_waiting: asking } = queue;
  if (stateOf(queue) !== "active") return status?.reason || `since ${status?.by ?? "somebody"} said so`;
  if (depth > 0 && taken === 0 && workers === 0 && asking === 0) return "no worker asks for more";
  return traits(queue).join(" · ");
}

/** "3 classes", "1 at once per key": what makes it no plain queue. */
export function traits({ classes, concurrency_per_key: perKey, max_messages: messages, max_bytes: bytes }: Queue): string[] {
  const names = Object.keys(classes);
  const limits = [...(messages > 0 ? [`${format.count(messages)} messages`] : []), ...(bytes > 0 ? [format.bytes(bytes)] : [])];
  return [
    ...(names.some((name) => name !== "normal") ? [`classes ${names.join(", ")}`] : []),
    ...(perKey === 1 ? ["in order per key"] : perKey > 1 ? [`${String(perKey)} at once per key`] : []),
    ...(limits.length > 0 ? [`at most ${limits.join(", ")}`] : []),
  ];
}
