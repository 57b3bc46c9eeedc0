import { Button, Skeleton } from "@mantine/core";
import { ListChecks } from "lucide-react";
import { Link } from "react-router";

import { isUnderWay, useJobs } from "~/api/jobs";
import { problemOf } from "~/api/problem";
import type { Job } from "~/api/resources";
import { DataTable, EmptyState, ErrorState, Panel, ProgressBar, RelativeTime, StateBadge, format } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";

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
      {jobs.hasNextPage && (
        <div className={css.more}>
          <Button variant="default" loading={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
            Load more
          </Button>
        </div>
      )}
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
      cell: (job) => (
        <Link to={`/jobs/${job.id}${search}`} className={css.row} tabIndex={-1}>
          <span className={css.title}>{job.title}</span>
          <span className={css.kind}>{job.kind}</span>
        </Link>
      ),
    },
    { key: "state", title: "State", cell: (job) => <StateBadge state={job.state} pulse={job.state === "running"} /> },
    {
      key: "progress",
      title: "Progress",
      width: "26%",
      cell: (job) => (
        <div className={css.progress}>
          <ProgressBar
            label={`Progress of ${job.title}`}
            done={job.done}
            total={job.total}
            failed={job.failed}
            active={isUnderWay(job)}
          />
          <span className={css.figures}>{figures(job)}</span>
        </div>
      ),
    },
    { key: "by", title: "By", priority: "low", cell: (job) => job.by },
    {
      key: "created",
      title: "Created",
      align: "right",
      priority: "medium",
      cell: (job) => (
        <span className={css.quiet}>
          <RelativeTime at={job.created_at} />
        </span>
      ),
    },
  ];
}

/** "1,200 of 5,000, 3 failed". */
export function figures(job: Job): string {
  const done = job.total === null ? format.count(job.done) : `${format.count(job.done)} of ${format.count(job.total)}`;
  return job.failed > 0 ? `${done}, ${format.count(job.failed)} failed` : done;
}
