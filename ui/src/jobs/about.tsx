import type { ReactNode } from "react";

import type { Job } from "~/api/resources";
import { CodeBlock, Fact, Facts, PanelSection, RelativeTime, format } from "~/design";

/** What went wrong with a job, or with its last item. */
export function JobTrouble({ job }: { job: Job }) {
  if (job.error === null) return null;
  return (
    <PanelSection title={job.state === "failed" ? "Why it failed" : "Last trouble"}>
      <CodeBlock text={job.error} what="error" tone="danger" wrap />
    </PanelSection>
  );
}

/** Who wants it, how fast, and when it was. */
export function JobAbout({ job, children }: { job: Job; children?: ReactNode }) {
  return (
    <PanelSection title="About">
      <Facts>
        {children}
        <Fact name="By">{job.by}</Fact>
        <Fact name="Pace">{job.rate_per_s === null ? "as fast as it goes" : `${format.rate(job.rate_per_s)} a second`}</Fact>
        <Moment name="Created" at={job.created_at} />
        <Moment name="Started" at={job.started_at} />
        <Moment name="Finished" at={job.finished_at} />
      </Facts>
    </PanelSection>
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
