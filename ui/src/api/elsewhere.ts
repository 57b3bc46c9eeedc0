import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { Protocol } from "./onboarding";
import type { A2AAgent, Change, McpUpstream } from "./resources";
import { usePlace } from "./workspace";

const REFRESH_MS = 5000;

/** How an agent or server elsewhere was found when it was last read, in the same words for each protocol. */
export interface Elsewhere {
  state: string;
  /** What ails it; empty where nothing does. */
  problem: string;
  /** What it says now, where that waits for approval. */
  changes: Change[];
  readAt: string | null;
}

export function useElsewhere(protocol: Protocol, name: string, enabled: boolean) {
  const { workspace } = usePlace();
  const params = { path: { workspace, name } };
  return useQuery({
    queryKey: ["elsewhere", workspace, protocol, name],
    enabled,
    queryFn: async (): Promise<Elsewhere> =>
      protocol === "a2a"
        ? ofAgent(await unwrap(client.GET("/api/v1/w/{workspace}/a2a/agents/{name}", { params })))
        : ofServer(await unwrap(client.GET("/api/v1/w/{workspace}/mcp/upstreams/{name}", { params }))),
    refetchInterval: REFRESH_MS,
  });
}

/** Read it anew, or approve what it says now. */
export function useElsewhereAction(protocol: Protocol, name: string, action: "refresh" | "approve") {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  const params = { path: { workspace, name } };
  return useMutation({
    mutationFn: async (): Promise<Elsewhere> =>
      protocol === "a2a"
        ? ofAgent(await unwrap(client.POST(`/api/v1/w/{workspace}/a2a/agents/{name}/${action}`, { params })))
        : ofServer(await unwrap(client.POST(`/api/v1/w/{workspace}/mcp/upstreams/{name}/${action}`, { params }))),
    onSettled: () =>
      Promise.all(
        [["elsewhere", workspace, protocol, name], ["agent", workspace, name], ["agent-history", workspace, name]].map(
          (queryKey) => queries.invalidateQueries({ queryKey }),
        ),
      ),
  });
}

function ofAgent({ state, problem, changes, refreshed_at }: A2AAgent): Elsewhere {
  return { state: state === "ok" ? "healthy" : state, problem, changes, readAt: refreshed_at };
}

function ofServer({ state, detail, changes, refreshed_at }: McpUpstream): Elsewhere {
  return { state: changes.length > 0 ? "changed" : state, problem: detail, changes, readAt: refreshed_at ?? null };
}
