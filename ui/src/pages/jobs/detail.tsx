import { Skeleton } from "@mantine/core";

import { useJob } from "~/api/jobs";
import { mayPass, problemOf } from "~/api/problem";
import type { Job } from "~/api/resources";
import { ErrorState, Fact, JsonBlock, PanelSection, SidePanel, StateBadge } from "~/design";
import { JobAbout, JobTrouble } from "~/jobs/about";
import { Controls } from "~/jobs/controls";
import { JobProgress } from "~/jobs/progress";

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
      <JobProgress job={job} remaining />
      <Controls job={job} />
      <JobTrouble job={job} />
      <JobAbout job={job}>
        <Fact name="Kind">{job.kind}</Fact>
      </JobAbout>
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
