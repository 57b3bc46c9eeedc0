import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { usePlace } from "./workspace";

const REFRESH_MS = 3000;
const MAP_MS = 2000;
const PAGE = 100;
const HISTORY = 10;
const RECENT = 8;

export function useAgents() {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["agents", workspace],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/agents", { params: { path: { workspace }, query: { limit: 200 } } })),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

/** Which agents; null leaves a condition out. */
export interface AgentSearch {
  text: string | null;
  state: string | null;
  origin: string | null;
}

/** Agents by name, or the best match of a text first. */
export function useAgentSearch({ text, state, origin }: AgentSearch) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["agents", workspace, "search", text, state, origin],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/agents", {
          params: {
            path: { workspace },
            query: {
              limit: PAGE,
              ...(text === null ? {} : { text }),
              ...(state === null ? {} : { state }),
              ...(origin === null ? {} : { origin }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
}

export function useAgent(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["agent", workspace, name],
    queryFn: () => unwrap(client.GET("/api/v1/w/{workspace}/agents/{name}", { params: { path: { workspace, name } } })),
    refetchInterval: MAP_MS,
  });
}

/** What happened to it, the newest first; also where it is gone. */
export function useAgentHistory(name: string) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["agent-history", workspace, name],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/agents/{name}/history", {
          params: { path: { workspace, name }, query: { limit: HISTORY, ...(pageParam === null ? {} : { cursor: pageParam }) } },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: REFRESH_MS,
  });
}

/** What it handled last. */
export function useRecent(name: string, enabled: boolean) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["agent-recent", workspace, name],
    enabled,
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/map/agents/{name}/recent", {
          params: { path: { workspace, name }, query: { limit: RECENT } },
        }),
      ),
    refetchInterval: MAP_MS,
  });
}

/** Agents and the traffic between them over the last `window_s` seconds. */
export function useTrafficMap(window_s: number) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["map", workspace, window_s],
    queryFn: () => unwrap(client.GET("/api/v1/w/{workspace}/map", { params: { path: { workspace }, query: { window_s } } })),
    refetchInterval: MAP_MS,
    placeholderData: keepPreviousData,
  });
}

interface Wanted {
  skill: string;
  agent: string;
  input: unknown;
}

/** Call a skill and wait for what it answers; how long that took is told too. */
export function useCallSkill() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ skill, agent, input }: Wanted) => {
      const began = performance.now();
      const params = { path: { workspace, skill } };
      const made = await unwrap(client.POST("/api/v1/w/{workspace}/skills/{skill}/call", { params, body: { input, agent } }));
      return { ...made, took_ms: performance.now() - began };
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["agent-recent", workspace] }),
  });
}

/** Take an agent out of the catalogue. */
export function useRemoveAgent() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) =>
      unwrap(client.DELETE("/api/v1/w/{workspace}/agents/{name}", { params: { path: { workspace, name } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["agents", workspace] }),
  });
}
