import { Skeleton } from "@mantine/core";
import { ListChecks } from "lucide-react";

import { useJobs } from "~/api/jobs";
import { problemOf } from "~/api/problem";
import type { Job } from "~/api/resources";
import { DataTable, EmptyState, ErrorState, ListFoot, LoadMore, Panel, RowLink } from "~/design";
import type { Column } from "~/design";
import { JOB_COLUMNS } from "~/jobs/columns";

interface JobListProps {
  state: Job["state"] | null;
  search: string;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

export function JobList({ state, search, selected, onOpen }: JobListProps) {
  const jobs = useJobs(state);
  const rows = jobs.data?.pages.flatMap((page) => page.items);
  return (
    <Panel flush label="Jobs">
      {jobs.isError && rows === undefined && (
        <ErrorState problem={problemOf(jobs.error)} onRetry={() => void jobs.refetch()} />
      )}
      {jobs.isPending && <Skeleton height={240} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Jobs"
          columns={columns(search)}
          rows={rows}
          rowKey={(job) => job.id}
          rowTestId="job-row"
          selected={selected}
          onOpen={(job) => {
            onOpen(job.id);
          }}
          empty={<NoJobs filtered={state !== null} />}
        />
      )}
      <ListFoot>
        <LoadMore list={jobs} />
      </ListFoot>
    </Panel>
  );
}

function NoJobs({ filtered }: { filtered: boolean }) {
  return (
    <EmptyState icon={ListChecks} title={filtered ? "No job is in this state" : "There are no jobs yet"}>
      Redriving many dead letters, replaying events or moving a queue starts one.
    </EmptyState>
  );
}

function columns(search: string): Column<Job>[] {
  return [
    {
      key: "title",
      title: "Job",
      cell: (job) => <RowLink to={`/jobs/${job.id}${search}`} name={job.title} under={job.kind} />,
    },
    ...JOB_COLUMNS,
  ];
}
