import { isUnderWay } from "~/api/jobs";
import type { Job } from "~/api/resources";
import { ProgressBar, format } from "~/design";

import css from "./jobs.module.css";

interface JobProgressProps {
  job: Job;
  /** How much longer, too. */
  remaining?: boolean;
}

/** How far a job is, as a bar and in figures. */
export function JobProgress({ job, remaining = false }: JobProgressProps) {
  const active = isUnderWay(job);
  return (
    <div className={css.progress}>
      <ProgressBar label={`Progress of ${job.title}`} done={job.done} total={job.total} failed={job.failed} active={active} />
      <p className={css.figures} data-testid="job-figures">
        {figures(job)}
        {remaining && active && left(job)}
      </p>
    </div>
  );
}

/** "1,200 of 5,000, 3 failed". */
function figures(job: Job): string {
  const done = job.total === null ? format.count(job.done) : `${format.count(job.done)} of ${format.count(job.total)}`;
  return job.failed > 0 ? `${done}, ${format.count(job.failed)} failed` : done;
}

/** How much longer, from the pace so far. */
function left(job: Job): string {
  const elapsed = job.started_at === null ? 0 : Date.parse(job.updated_at) - Date.parse(job.started_at);
  const done = job.done + job.failed;
  if (job.total === null || done === 0 || elapsed < 1000) return "";
  const left_ms = ((job.total - done) * elapsed) / done;
  return left_ms <= 0 ? "" : ` · about ${format.duration(left_ms)} left`;
}
