import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { EventPage, StoredEvent } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;

/** What the explorer asks for; null leaves a condition out. */
export interface EventFilter {
  type: string | null;
  subject: string | null;
  sender: string | null;
  correlation: string | null;
  id: string | null;
  trace: string | null;
  /** Only what was stored in the last so many milliseconds. */
  last_ms: number | null;
}

/** The newest events of the log, newest first. */
export async function newestEvents(workspace: string, limit: number): Promise<StoredEvent[]> {
  const page = await unwrap(
    client.GET("/api/v1/w/{workspace}/events", { params: { path: { workspace }, query: { newest: true, limit } } }),
  );
  return page.items;
}

function conditions({ type, subject, sender, correlation, id, trace, last_ms }: EventFilter) {
  return {
    ...(type === null ? {} : { type }),
    ...(subject === null ? {} : { subject }),
    ...(sender === null ? {} : { sender }),
    ...(correlation === null ? {} : { correlation_id: correlation }),
    ...(id === null ? {} : { id }),
    ...(trace === null ? {} : { trace_id: trace }),
    ...(last_ms === null ? {} : { since: new Date(Date.now() - last_ms).toISOString() }),
  };
}

/** Events that match, newest first. */
export function useEvents(filter: EventFilter) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["events", workspace, filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }): Promise<EventPage> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/events", {
          params: {
            path: { workspace },
            query: { newest: true, limit: PAGE, ...conditions(filter), ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
  });
}

/** One event by its place in the log; what is stored never changes. */
export function useEvent(seq: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["event", workspace, seq],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/events/{seq}", { params: { path: { workspace, seq } } })) as Promise<StoredEvent>,
    staleTime: Infinity,
  });
}
