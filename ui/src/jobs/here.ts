import { useState } from "react";

import { isUnderWay } from "~/api/jobs";
import type { Job } from "~/api/resources";

export interface JobsHere {
  shown: Job[];
  dismiss: (id: string) => void;
}

/** Of the jobs: those not over, and those that ended while one looked, until they are dismissed. */
export function useJobsHere(jobs: Job[]): JobsHere {
  const [seen, setSeen] = useState<string[]>([]);
  const [dismissed, setDismissed] = useState<string[]>([]);
  const isOpen = (job: Job) => isUnderWay(job) || job.state === "paused";
  const fresh = jobs.filter((job) => isOpen(job) && !seen.includes(job.id)).map((job) => job.id);
  if (fresh.length > 0) setSeen([...seen, ...fresh]);
  return {
    shown: jobs.filter((job) => isOpen(job) || (seen.includes(job.id) && !dismissed.includes(job.id))),
    dismiss: (id) => {
      setDismissed([...dismissed, id]);
    },
  };
}
