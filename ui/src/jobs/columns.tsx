import type { Job } from "~/api/resources";
import { Quiet, RelativeTime, StateBadge } from "~/design";
import type { Column } from "~/design";

import { JobProgress } from "./progress";

/** What every list of jobs shows of each. */
export const JOB_COLUMNS: Column<Job>[] = [
  { key: "state", title: "State", cell: (job) => <StateBadge state={job.state} pulse={job.state === "running"} /> },
  { key: "progress", title: "Progress", width: "26%", cell: (job) => <JobProgress job={job} /> },
  { key: "by", title: "By", priority: "low", cell: (job) => job.by },
  {
    key: "created",
    title: "Created",
    align: "right",
    priority: "medium",
    cell: (job) => (
      <Quiet>
        <RelativeTime at={job.created_at} />
      </Quiet>
    ),
  },
];
