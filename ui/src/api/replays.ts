import { useMutation, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { useJobs } from "./jobs";
import type { Job, ReplayRequest } from "./resources";
import { usePlace } from "./workspace";

const KIND = "events.replay";

/** Replays, newest first: each is a job. */
export function useReplays(state: Job["state"] | null) {
  return useJobs(state, KIND);
}

/** Play the past again; answers with the job. */
export function useStartReplay() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: ReplayRequest) =>
      unwrap(client.POST("/api/v1/w/{workspace}/replays", { params: { path: { workspace } }, body: wanted })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs", workspace] }),
  });
}

/** Where the file of a finished replay is downloaded. */
export function replayFile(workspace: string, id: string): string {
  return `/api/v1/w/${encodeURIComponent(workspace)}/replays/${encodeURIComponent(id)}/file`;
}
