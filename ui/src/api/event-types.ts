import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { EventType, EventTypeDeclaration, EventTypeDetail, EventTypeVersion } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 100;
const FRESH_MS = 10_000;

export interface TypeFilter {
  text: string | null;
  /** Declared, or only seen; null for both. */
  declared: boolean | null;
  deprecated: boolean | null;
}

export function useEventTypes({ text, declared, deprecated }: TypeFilter) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["event-types", workspace, text, declared, deprecated],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }): Promise<{ items: EventType[]; next?: string | null }> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/event-types", {
          params: {
            path: { workspace },
            query: {
              limit: PAGE,
              ...(text === null ? {} : { text }),
              ...(declared === null ? {} : { declared }),
              ...(deprecated === null ? {} : { deprecated }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  });
}

export function useEventType(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["event-type", workspace, name],
    queryFn: (): Promise<EventTypeDetail> =>
      unwrap(client.GET("/api/v1/w/{workspace}/event-types/{name}", { params: { path: { workspace, name } } })),
    refetchInterval: FRESH_MS,
  });
}

export function useVersions(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["event-type-versions", workspace, name],
    queryFn: async (): Promise<EventTypeVersion[]> => {
      const page = await unwrap(
        client.GET("/api/v1/w/{workspace}/event-types/{name}/versions", {
          params: { path: { workspace, name }, query: { limit: PAGE } },
        }),
      );
      return [...page.items].sort((a, b) => b.number - a.number);
    },
  });
}

/** The newest events of a type that do not fit it. */
export function useQuarantine(type: string, limit: number) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["quarantine", workspace, type, limit],
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/quarantine", { params: { path: { workspace }, query: { type, limit } } }),
      ),
    refetchInterval: FRESH_MS,
  });
}

/** Whether a schema gets on with the versions before it; nothing is stored. */
export function useCheck(name: string) {
  const { workspace } = usePlace();
  return useMutation({
    mutationFn: (schema: Schema) =>
      unwrap(
        client.POST("/api/v1/w/{workspace}/event-types/{name}/check", {
          params: { path: { workspace, name } },
          body: { schema },
        }),
      ),
  });
}

export type Schema = Record<string, unknown>;

export function useAddVersion(name: string) {
  return useChange((workspace, { schema, note }: { schema: Schema; note: string }) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/event-types/{name}/versions", {
        params: { path: { workspace, name } },
        body: { schema, note },
      }),
    ),
  );
}

export function useDeclare() {
  return useChange((workspace, { name, declaration }: { name: string; declaration: EventTypeDeclaration }) =>
    unwrap(
      client.PUT("/api/v1/w/{workspace}/event-types/{name}", {
        params: { path: { workspace, name } },
        body: declaration,
      }),
    ),
  );
}

function useChange<Wanted, Made>(change: (workspace: string, wanted: Wanted) => Promise<Made>) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => change(workspace, wanted),
    onSettled: async () => {
      await Promise.all(
        ["event-types", "event-type", "event-type-versions"].map((key) =>
          queries.invalidateQueries({ queryKey: [key, workspace] }),
        ),
      );
    },
  });
}
