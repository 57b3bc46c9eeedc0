import { Skeleton } from "@mantine/core";
import { Hourglass, SearchX } from "lucide-react";
import { useSearchParams } from "react-router";

import { problemOf } from "~/api/problem";
import type { Scheduled } from "~/api/resources";
import { useScheduled } from "~/api/schedules";
import {
  Chip, DataTable, DueTime, EmptyState, ErrorState, FilterInput, ListFoot, LoadMore, Panel, Quiet, RelativeTime, RowLink,
} from "~/design";
import type { Column } from "~/design";

interface WaitingListProps {
  search: string;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

/** Messages that wait for their time: sent with a delay, or put off after a failed attempt. */
export function WaitingList({ search, selected, onOpen }: WaitingListProps) {
  const [params, setParams] = useSearchParams();
  const queue = params.get("queue");
  const waiting = useScheduled(queue);
  const rows = waiting.data?.pages.flatMap((page) => page.items);
  return (
    <Panel
      flush
      title="Waiting for their time"
      label="Waiting for their time"
      aside={
        <FilterInput
          search
          label="Queue"
          placeholder="Only to this queue"
          value={queue}
          onCommit={(value) => {
            setParams(value === "" ? {} : { queue: value }, { replace: true });
          }}
        />
      }
    >
      {waiting.isError && rows === undefined && (
        <ErrorState problem={problemOf(waiting.error)} onRetry={() => void waiting.refetch()} />
      )}
      {waiting.isPending && <Skeleton height={160} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Waiting for their time"
          columns={columns(search)}
          rows={rows}
          rowKey={({ id }) => id}
          rowTestId="scheduled-row"
          selected={selected}
          onOpen={({ id }) => {
            onOpen(id);
          }}
          empty={
            <EmptyState
              icon={queue === null ? Hourglass : SearchX}
              title={queue === null ? "No message waits for its time" : "No message waits for this queue"}
            >
              Messages sent with a delay wait here, and retries that are put off for more than a minute.
            </EmptyState>
          }
        />
      )}
      <ListFoot>
        <LoadMore list={waiting} />
      </ListFoot>
    </Panel>
  );
}

function columns(search: string): Column<Scheduled>[] {
  return [
    {
      key: "target",
      title: "Goes to",
      cell: ({ id, target, preview }) => (
        <RowLink to={`/schedules/waiting/${encodeURIComponent(id)}${search}`} name={target} under={preview} />
      ),
    },
    { key: "kind", title: "Kind", cell: ({ kind, attempt }) => <Chip>{kind === "retry" ? `attempt ${String(attempt)}` : kind}</Chip> },
    { key: "by", title: "From", priority: "low", cell: ({ by }) => by },
    {
      key: "sent",
      title: "Sent",
      align: "right",
      priority: "low",
      cell: ({ scheduled_at: at }) => (
        <Quiet>
          <RelativeTime at={at} />
        </Quiet>
      ),
    },
    { key: "due", title: "Due", align: "right", cell: ({ due_at: at }) => <DueTime at={at} /> },
  ];
}
