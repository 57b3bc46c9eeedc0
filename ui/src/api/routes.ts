import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { RouteSample } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 100;
const FRESH_MS = 5000;

export function useRoutes() {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["routes", workspace],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/routes", {
          params: { path: { workspace }, query: { limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) } },
        }),
      ),
    getNextPageParam: (page) => page.next,
    refetchInterval: FRESH_MS,
  });
}

export function useRoute(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["route", workspace, name],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/routes/{name}", { params: { path: { workspace, name } } })),
    refetchInterval: FRESH_MS,
  });
}

export function useRouteHistory(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["route-history", workspace, name],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/routes/{name}/revisions", { params: { path: { workspace, name } } })),
  });
}

export function useDeadEnds() {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["dead-ends", workspace],
    queryFn: () => unwrap(client.GET("/api/v1/w/{workspace}/dead-ends", { params: { path: { workspace } } })),
    refetchInterval: FRESH_MS,
  });
}

/** Where a message would go; nothing is sent. */
export function useExplain() {
  const { workspace } = usePlace();
  return useMutation({
    mutationFn: (sample: RouteSample) =>
      unwrap(
        client.POST("/api/v1/w/{workspace}/route-explanations", {
          params: { path: { workspace } },
          body: { sample },
        }),
      ),
  });
}

/** Go back to what a route was. */
export function useRollback(name: string) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (revision: number) =>
      unwrap(
        client.POST("/api/v1/w/{workspace}/routes/{name}/rollback", {
          params: { path: { workspace, name } },
          body: { revision, note: "" },
        }),
      ),
    onSettled: async () => {
      await Promise.all(
        ["routes", "route", "route-history"].map((key) => queries.invalidateQueries({ queryKey: [key, workspace] })),
      );
    },
  });
}
