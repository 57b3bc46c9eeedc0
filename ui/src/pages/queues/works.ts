import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { useDenied } from "~/api/permission";
import { useQueueJobs } from "~/api/queues";
import { usePlace } from "~/api/workspace";
import { useJobsHere } from "~/jobs/here";
import type { JobsHere } from "~/jobs/here";

const READ_ANEW = ["queues", "queue", "queue-messages"];

/** Purges, moves and the deletion of a queue, here and now; what is shown of it follows them. */
export function useWorks(name: string): JobsHere {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  const mayRead = useDenied("jobs:read") === undefined;
  const jobs = useQueueJobs(name, mayRead).data ?? [];
  const onEnded = useCallback(() => {
    for (const key of READ_ANEW) void queries.invalidateQueries({ queryKey: [key, workspace] });
  }, [queries, workspace]);
  return useJobsHere(jobs, onEnded);
}
