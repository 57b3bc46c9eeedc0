import { Link } from "react-router";

import { isUnderWay } from "~/api/jobs";
import { useMay } from "~/api/permissions";
import { useQueueJobs } from "~/api/queues";
import { Note, ProgressBar, Quiet, StateBadge } from "~/design";
import { figures } from "~/pages/jobs/list";

import css from "./page.module.css";

/** Purges, moves and deletions of a queue: those under way, and those just begun here. */
export function UnderWay({ name, started }: { name: string; started: string[] }) {
  const may = useMay("jobs:read");
  const jobs = useQueueJobs(name, started, may).data ?? [];
  if (!may && started.length > 0) return <Note>It runs as a job; to follow it your token needs the scope jobs:read.</Note>;
  if (jobs.length === 0) return null;
  return (
    <ul className={css.jobs} aria-label="Bulk work under way">
      {jobs.map((job) => (
        <li key={job.id} data-testid="queue-job">
          <span className={css.job}>
            <Link to={`/jobs/${job.id}`}>{job.title}</Link>
            <StateBadge state={job.state} pulse={job.state === "running"} />
          </span>
          <ProgressBar label={`Progress of ${job.title}`} done={job.done} total={job.total} failed={job.failed} active={isUnderWay(job)} />
          <Quiet>
            {figures(job)}
            {job.error !== null && ` · ${job.error}`}
          </Quiet>
        </li>
      ))}
    </ul>
  );
}
