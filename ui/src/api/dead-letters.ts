import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { Lane } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;

export interface LetterFilter {
  lane: Lane | null;
  reader: string | null;
  reason: string | null;
  /** Leave out those redriven already. */
  waiting: boolean;
}

export function useDeadLetters(filter: LetterFilter) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["dead-letters", workspace, filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/dead-letters", {
          params: {
            path: { workspace },
            query: {
              limit: PAGE,
              ...(pageParam === null ? {} : { cursor: pageParam }),
              ...(filter.lane === null ? {} : { lane: filter.lane }),
              ...(filter.reader === null ? {} : { reader: filter.reader }),
              ...(filter.reason === null ? {} : { reason: filter.reason }),
              ...(filter.waiting ? { waiting: true } : {}),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

export function useDeadLetter(id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["dead-letter", workspace, id],
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/dead-letters/{letter_id}", {
          params: { path: { workspace, letter_id: id } },
        }),
      ),
  });
}

/** Send a dead letter on its way again. The list and the letter are read anew, whatever came of it. */
export function useRedrive(id: string) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(
        client.POST("/api/v1/w/{workspace}/dead-letters/{letter_id}/redrive", {
          params: { path: { workspace, letter_id: id } },
          body: {},
        }),
      ),
    onSettled: async () => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["dead-letter", workspace, id] }),
        queries.invalidateQueries({ queryKey: ["dead-letters", workspace] }),
      ]);
    },
  });
}
