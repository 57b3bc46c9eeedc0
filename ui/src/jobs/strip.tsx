import { ActionIcon } from "@mantine/core";
import { X } from "lucide-react";
import { Link } from "react-router";

import type { Job } from "~/api/resources";
import { ErrorState, Panel, StateBadge } from "~/design";

import { Controls } from "./controls";
import css from "./jobs.module.css";
import { JobProgress } from "./progress";

interface JobStripProps {
  label: string;
  jobs: Job[];
  onDismiss: (id: string) => void;
}

/** Jobs in the place where they were ordered: how far each is, and its brakes. */
export function JobStrip({ label, jobs, onDismiss }: JobStripProps) {
  if (jobs.length === 0) return null;
  return (
    <Panel flush label={label}>
      {jobs.map((job) => (
        <article key={job.id} className={css.strip} aria-label={job.title} data-testid="job-strip" data-state={job.state}>
          <header className={css.head}>
            <Link to={`/jobs/${job.id}`}>{job.title}</Link>
            <StateBadge state={job.state} pulse={job.state === "running"} testId="strip-state" />
            {job.finished_at !== null && (
              <ActionIcon
                size="sm"
                aria-label="Dismiss"
                onClick={() => {
                  onDismiss(job.id);
                }}
              >
                <X size={14} />
              </ActionIcon>
            )}
          </header>
          <JobProgress job={job} remaining />
          <Controls job={job} />
          {job.state === "failed" && job.error !== null && (
            <ErrorState compact problem={{ title: "The job has failed", detail: job.error }} />
          )}
          <Failures job={job} />
        </article>
      ))}
    </Panel>
  );
}

interface Failure {
  id: string;
  error: string;
}

/** The letters that a bulk redrive could not send, as far as its result names them. */
function Failures({ job }: { job: Job }) {
  const failures = Array.isArray(job.result.failures) ? (job.result.failures as Failure[]) : [];
  if (failures.length === 0) return null;
  return (
    <ul className={css.failures} aria-label="Not done">
      {failures.map(({ id, error }) => (
        <li key={id}>
          <Link to={`/dead-letters/${id}`}>{id}</Link> {error}
        </li>
      ))}
    </ul>
  );
}
