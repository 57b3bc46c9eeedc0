import { Skeleton } from "@mantine/core";

import { isUnderWay, useJob } from "~/api/jobs";
import { mayPass, problemOf } from "~/api/problem";
import type { Job } from "~/api/resources";
import {
  CodeBlock, ErrorState, Fact, Facts, JsonBlock, PanelSection, ProgressBar, RelativeTime, SidePanel, StateBadge, format,
} from "~/design";

import { Controls } from "./controls";
import { figures } from "./list";
import css from "./page.module.css";

interface JobDetailProps {
  id: string;
  onClose: () => void;
}

/** One job: how far, how fast, how it ended, and its brakes. */
export function JobDetail({ id, onClose }: JobDetailProps) {
  const query = useJob(id);
  const job = query.data;
  return (
    <SidePanel
      label="Job"
      title={job?.title ?? "Job"}
      badge={job && <StateBadge state={job.state} pulse={job.state === "running"} testId="job-state" />}
      onClose={onClose}
      testId="job-detail"
      id={id}
    >
      {query.isPending && <Skeleton height={180} radius="md" />}
      {query.isError && !job && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {job && <Detail job={job} />}
    </SidePanel>
  );
}

function Detail({ job }: { job: Job }) {
  return (
    <>
      <section className={css.big}>
        <ProgressBar
          label="Progress"
          done={job.done}
          total={job.total}
          failed={job.failed}
          active={isUnderWay(job)}
        />
        <p className={css.figures} data-testid="job-figures">
          {figures(job)}
          {isUnderWay(job) && remaining(job)}
        </p>
      </section>
      <Controls job={job} />
      {job.error !== null && (
        <PanelSection title={job.state === "failed" ? "Why it failed" : "Last trouble"}>
          <CodeBlock text={job.error} what="error" tone="danger" wrap />
        </PanelSection>
      )}
      <PanelSection title="About">
        <Facts>
          <Fact name="Kind">{job.kind}</Fact>
          <Fact name="By">{job.by}</Fact>
          <Fact name="Pace">{job.rate_per_s === null ? "as fast as it goes" : `${format.rate(job.rate_per_s)} a second`}</Fact>
          <Moment name="Created" at={job.created_at} />
          <Moment name="Started" at={job.started_at} />
          <Moment name="Finished" at={job.finished_at} />
        </Facts>
      </PanelSection>
      {Object.keys(job.result).length > 0 && (
        <PanelSection title="Result">
          <JsonBlock value={job.result} what="result" />
        </PanelSection>
      )}
      <PanelSection title="What was asked">
        <JsonBlock value={job.params} what="parameters" />
      </PanelSection>
    </>
  );
}

function Moment({ name, at }: { name: string; at: string | null }) {
  if (at === null) return null;
  return (
    <Fact name={name}>
      <RelativeTime at={at} /> · {format.moment(at)}
    </Fact>
  );
}

/** How much longer, from the pace so far. */
function remaining(job: Job): string {
  const elapsed = job.started_at === null ? 0 : Date.parse(job.updated_at) - Date.parse(job.started_at);
  const done = job.done + job.failed;
  if (job.total === null || done === 0 || elapsed < 1000) return "";
  const left_ms = ((job.total - done) * elapsed) / done;
  return left_ms <= 0 ? "" : ` · about ${format.duration(left_ms)} left`;
}
