import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { Job } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;
const LIVE_MS = 1000;
const IDLE_MS = 5000;

export type Verb = "pause" | "resume" | "cancel";

export function isUnderWay({ state }: Job): boolean {
  return state === "queued" || state === "running";
}

/** Jobs, newest first, of one kind or of all; read again every second while one is under way. */
export function useJobs(state: Job["state"] | null, kind: string | null = null, enabled = true) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["jobs", workspace, state, kind],
    enabled,
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/jobs", {
          params: {
            path: { workspace },
            query: {
              limit: PAGE,
              ...(pageParam === null ? {} : { cursor: pageParam }),
              ...(state === null ? {} : { state }),
              ...(kind === null ? {} : { kind }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => {
      const busy = query.state.data?.pages.some((page) => page.items.some(isUnderWay)) === true;
      return busy ? LIVE_MS : IDLE_MS;
    },
  });
}

export function useJob(id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["job", workspace, id],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/jobs/{job_id}", { params: { path: { workspace, job_id: id } } })),
    refetchInterval: (query) => (query.state.data === undefined || isUnderWay(query.state.data) ? LIVE_MS : IDLE_MS),
  });
}

/** Pause, resume or cancel; list and job are read anew, whatever came of it. */
export function useSteer(id: string) {
  return useJobMutation(id, (workspace, verb: Verb) => {
    const params = { path: { workspace, job_id: id } };
    if (verb === "pause") return unwrap(client.POST("/api/v1/w/{workspace}/jobs/{job_id}/pause", { params }));
    if (verb === "resume") return unwrap(client.POST("/api/v1/w/{workspace}/jobs/{job_id}/resume", { params }));
    return unwrap(client.POST("/api/v1/w/{workspace}/jobs/{job_id}/cancel", { params }));
  });
}

/** Change the pace; 0 lifts the limit. */
export function useRate(id: string) {
  return useJobMutation(id, (workspace, rate_per_s: number) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/jobs/{job_id}/rate", {
        params: { path: { workspace, job_id: id } },
        body: { rate_per_s },
      }),
    ),
  );
}

function useJobMutation<Wanted>(id: string, change: (workspace: string, wanted: Wanted) => Promise<Job>) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => change(workspace, wanted),
    onSettled: async () => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["job", workspace, id] }),
        queries.invalidateQueries({ queryKey: ["jobs", workspace] }),
      ]);
    },
  });
}
