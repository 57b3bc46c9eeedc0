import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";

import { useJobs } from "~/api/jobs";
import { useDenied } from "~/api/permission";
import { usePlace } from "~/api/workspace";
import { useJobsHere } from "~/jobs/here";
import type { JobsHere } from "~/jobs/here";

/** Bulk work on dead letters, here and now; counts and list follow it. */
export function useWorks(): JobsHere {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  const mayRead = useDenied("jobs:read") === undefined;
  const redrives = useJobs(null, "dead_letters.redrive", mayRead).data?.pages[0]?.items ?? [];
  const discards = useJobs(null, "dead_letters.discard", mayRead).data?.pages[0]?.items ?? [];
  const onEnded = useCallback(
    () => void queries.invalidateQueries({ queryKey: ["dead-letters", workspace] }),
    [queries, workspace],
  );
  const works = useJobsHere([...redrives, ...discards], onEnded);
  const done = works.shown.reduce((sum, job) => sum + job.done, 0);
  useEffect(() => {
    if (done > 0) void queries.invalidateQueries({ queryKey: ["dead-letters", workspace, "summary"] });
  }, [done, queries, workspace]);
  return works;
}
