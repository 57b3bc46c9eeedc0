import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { isUnderWay } from "./jobs";
import type { Job, Queue, QueuedMessage } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 100;
const PEEKED = 10;
const FRESH_MS = 2000;
const PEEK_MS = 4000;
const LIVE_MS = 1000;
const IDLE_MS = 5000;
const JOBS = 50;

interface Page<Item> {
  items: Item[];
  next?: string | null;
}

/** Which messages to look at; null leaves a condition out. */
export interface PeekFilter {
  type: string | null;
  sender: string | null;
  key: string | null;
}

/** Queues by name, with what is in them now. */
export function useQueues(text: string | null) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["queues", workspace, text],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }): Promise<Page<Queue>> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/queues", {
          params: {
            path: { workspace },
            query: { limit: PAGE, ...(text === null ? {} : { text }), ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  });
}

export function useQueue(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["queue", workspace, name],
    queryFn: (): Promise<Queue> =>
      unwrap(client.GET("/api/v1/w/{workspace}/queues/{name}", { params: { path: { workspace, name } } })),
    refetchInterval: FRESH_MS,
  });
}

/** What lies in a queue, oldest first. Nothing is taken. */
export function usePeek(name: string, { type, sender, key }: PeekFilter) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["queue-messages", workspace, name, type, sender, key],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }): Promise<Page<QueuedMessage>> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/queues/{name}/peek", {
          params: {
            path: { workspace, name },
            query: {
              limit: PEEKED,
              ...(type === null ? {} : { type }),
              ...(sender === null ? {} : { sender }),
              ...(key === null ? {} : { key }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: PEEK_MS,
  });
}

/** One message, whole. */
export function useQueuedMessage(name: string, seq: number) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["queue-message", workspace, name, seq],
    queryFn: (): Promise<QueuedMessage> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/queues/{name}/messages/{seq}", {
          params: { path: { workspace, name, seq: String(seq) } },
        }),
      ),
  });
}

/** Bulk work on a queue, newest first. */
export function useQueueJobs(name: string, enabled: boolean) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["jobs", workspace, "of-queue", name],
    enabled,
    queryFn: async (): Promise<Job[]> => {
      const page = await unwrap(
        client.GET("/api/v1/w/{workspace}/jobs", { params: { path: { workspace }, query: { limit: JOBS } } }),
      );
      return page.items.filter((job) => job.kind.startsWith("queues.") && job.params.queue === name);
    },
    refetchInterval: (query) => (query.state.data?.some(isUnderWay) === true ? LIVE_MS : IDLE_MS),
  });
}

export function useQueueHistory(name: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["queue-history", workspace, name],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/queues/{name}/revisions", { params: { path: { workspace, name } } })),
  });
}
