import { Skeleton } from "@mantine/core";
import { History } from "lucide-react";

import { problemOf } from "~/api/problem";
import { useReplays } from "~/api/replays";
import type { Job } from "~/api/resources";
import { DataTable, EmptyState, ErrorState, ListFoot, LoadMore, Panel, RowLink } from "~/design";
import type { Column } from "~/design";
import { JOB_COLUMNS } from "~/jobs/columns";

import { paceWords } from "./request";

interface ReplayListProps {
  state: Job["state"] | null;
  search: string;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

export function ReplayList({ state, search, selected, onOpen }: ReplayListProps) {
  const replays = useReplays(state);
  const rows = replays.data?.pages.flatMap((page) => page.items);
  return (
    <Panel flush label="Replays">
      {replays.isError && rows === undefined && (
        <ErrorState problem={problemOf(replays.error)} onRetry={() => void replays.refetch()} />
      )}
      {replays.isPending && <Skeleton height={240} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Replays"
          columns={columns(search)}
          rows={rows}
          rowKey={(job) => job.id}
          rowTestId="replay-row"
          selected={selected}
          onOpen={(job) => {
            onOpen(job.id);
          }}
          empty={<NoReplays filtered={state !== null} />}
        />
      )}
      <ListFoot>
        <LoadMore list={replays} />
      </ListFoot>
    </Panel>
  );
}

function NoReplays({ filtered }: { filtered: boolean }) {
  return (
    <EmptyState icon={History} title={filtered ? "No replay is in this state" : "Nothing was played again yet"}>
      A replay sends events of the past to one group, and to no other.
    </EmptyState>
  );
}

function columns(search: string): Column<Job>[] {
  return [
    {
      key: "title",
      title: "Replay",
      cell: (job) => <RowLink to={`/replays/${job.id}${search}`} name={job.title} under={paceWords(job)} />,
    },
    ...JOB_COLUMNS,
  ];
}
