import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { ScheduleDeclaration, ScheduledDetail } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;
const FIRINGS = 20;
const FRESH_MS = 3000;

export type ScheduleVerb = "pause" | "resume";

/** Cron schedules, by name. */
export function useSchedules() {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["schedules", workspace],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/schedules", {
          params: { path: { workspace }, query: { limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) } },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: FRESH_MS,
  });
}

export function useSchedule(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["schedule", workspace, name],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/schedules/{name}", { params: { path: { workspace, name } } })),
    refetchInterval: FRESH_MS,
  });
}

/** How a schedule fired, newest first. */
export function useFirings(name: string) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["firings", workspace, name],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/schedules/{name}/firings", {
          params: {
            path: { workspace, name },
            query: { limit: FIRINGS, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: FRESH_MS,
  });
}

/** When an expression would fire next; nothing is declared. */
export function useCronTimes(cron: string, timezone: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["cron-times", workspace, cron, timezone],
    enabled: cron !== "",
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/cron-times", {
          params: { path: { workspace }, query: { cron, ...(timezone === "" ? {} : { timezone }) } },
        }),
      ),
  });
}

export function useDeclareSchedule() {
  return useChange((workspace, { name, declaration }: { name: string; declaration: ScheduleDeclaration }) =>
    unwrap(
      client.PUT("/api/v1/w/{workspace}/schedules/{name}", { params: { path: { workspace, name } }, body: declaration }),
    ),
  );
}

export function useSteerSchedule(name: string) {
  return useChange((workspace, verb: ScheduleVerb) => {
    const request = { params: { path: { workspace, name } } };
    if (verb === "pause") return unwrap(client.POST("/api/v1/w/{workspace}/schedules/{name}/pause", request));
    return unwrap(client.POST("/api/v1/w/{workspace}/schedules/{name}/resume", request));
  });
}

/** Fire now, beside the plan. */
export function useRunSchedule(name: string) {
  return useChange((workspace) =>
    unwrap(client.POST("/api/v1/w/{workspace}/schedules/{name}/run", { params: { path: { workspace, name } } })),
  );
}

export function useRemoveSchedule(name: string) {
  return useChange((workspace) =>
    unwrap(client.DELETE("/api/v1/w/{workspace}/schedules/{name}", { params: { path: { workspace, name } } })),
  );
}

/** Messages that wait for their time, in the order of sending. */
export function useScheduled(queue: string | null) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["scheduled", workspace, queue],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/scheduled", {
          params: {
            path: { workspace },
            query: { limit: PAGE, ...(queue === null ? {} : { queue }), ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  });
}

/** A message that waits for its time; what is shown of it never changes. */
export function useScheduledMessage(id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["scheduled-message", workspace, id],
    queryFn: (): Promise<ScheduledDetail> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/scheduled/{message_id}", { params: { path: { workspace, message_id: id } } }),
      ),
  });
}

export function useCancelScheduled(id: string) {
  return useChange((workspace) =>
    unwrap(
      client.DELETE("/api/v1/w/{workspace}/scheduled/{message_id}", { params: { path: { workspace, message_id: id } } }),
    ),
  );
}

/** Let a message go now instead of at its time. */
export function useRunScheduled(id: string) {
  return useChange((workspace) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/scheduled/{message_id}/run", {
        params: { path: { workspace, message_id: id } },
      }),
    ),
  );
}

const READ_ANEW = ["schedules", "schedule", "firings", "scheduled"];

function useChange<Wanted = void, Made = unknown>(change: (workspace: string, wanted: Wanted) => Promise<Made>) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => change(workspace, wanted),
    // Not waited for: what is read anew may be gone, and with it whoever is to say that it went well.
    onSettled: () => {
      for (const key of READ_ANEW) void queries.invalidateQueries({ queryKey: [key, workspace] });
    },
  });
}
