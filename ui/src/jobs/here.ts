import { useEffect, useState } from "react";

import { isUnderWay } from "~/api/jobs";
import type { Job } from "~/api/resources";

export interface JobsHere {
  shown: Job[];
  /** Show this one, however soon it ends. */
  watch: (id: string) => void;
  dismiss: (id: string) => void;
}

/** Of the jobs: those not over, and those that ended while one looked, until they are dismissed. */
export function useJobsHere(jobs: Job[], onEnded: () => void): JobsHere {
  const [seen, setSeen] = useState<string[]>([]);
  const [dismissed, setDismissed] = useState<string[]>([]);
  const isOpen = (job: Job) => isUnderWay(job) || job.state === "paused";
  const fresh = jobs.filter((job) => isOpen(job) && !seen.includes(job.id)).map((job) => job.id);
  if (fresh.length > 0) setSeen([...seen, ...fresh]);

  const ended = jobs.filter((job) => !isOpen(job) && seen.includes(job.id)).length;
  useEffect(() => {
    if (ended > 0) onEnded();
  }, [ended, onEnded]);
  return {
    shown: jobs.filter((job) => isOpen(job) || (seen.includes(job.id) && !dismissed.includes(job.id))),
    watch: (id) => {
      setSeen((before) => [...before, id]);
    },
    dismiss: (id) => {
      setDismissed([...dismissed, id]);
    },
  };
}
