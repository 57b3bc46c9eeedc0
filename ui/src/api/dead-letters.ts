import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { BulkDiscardRequest, BulkRedriveRequest, Lane, LetterFilter, LetterWork, RedriveRequest } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;

export type LetterState = "waiting" | "redriven" | "discarded";

/** What is looked for; null leaves a condition out. */
export interface LetterSearch {
  lane: Lane | null;
  reader: string | null;
  reason: string | null;
  type: string | null;
  error: string | null;
  correlation: string | null;
  sender: string | null;
  agent: string | null;
  message: string | null;
  /** Only what died in the last so many milliseconds. */
  last_ms: number | null;
  since: string | null;
  before: string | null;
  state: LetterState | null;
}

/** A query has no nulls, and no letters picked one by one. */
type AsQuery = { [Name in Exclude<keyof LetterFilter, "ids">]?: NonNullable<LetterFilter[Name]> };

/** The search in the hub's words; its state apart, which bulk work has no use for. */
export function letterFilter(search: LetterSearch): AsQuery {
  const since = search.last_ms === null ? search.since : new Date(Date.now() - search.last_ms).toISOString();
  const wanted = {
    lane: search.lane,
    reader: search.reader,
    reason: search.reason,
    type: search.type,
    error: search.error,
    correlation_id: search.correlation,
    sender: search.sender,
    agent: search.agent,
    message_id: search.message,
    died_since: since,
    died_before: search.before,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null));
}

export function useDeadLetters(search: LetterSearch) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["dead-letters", workspace, search],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/dead-letters", {
          params: {
            path: { workspace },
            query: {
              limit: PAGE,
              ...letterFilter(search),
              ...(pageParam === null ? {} : { cursor: pageParam }),
              ...(search.state === null ? {} : { state: search.state }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** Counts by reader, reason and type of what matches; of all where nothing is asked. */
export function useLetterSummary(search: LetterSearch | null) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["dead-letters", workspace, "summary", search],
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/dead-letters/summary", {
          params: { path: { workspace }, query: search === null ? {} : letterFilter(search) },
        }),
      ),
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

/** Send a dead letter on its way again: as it was, edited, or elsewhere. */
export function useRedrive(id: string) {
  return useLetterMutation(id, (workspace, body: RedriveRequest) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/dead-letters/{letter_id}/redrive", {
        params: { path: { workspace, letter_id: id } },
        body,
      }),
    ),
  );
}

/** Put a dead letter aside for good. */
export function useDiscard(id: string) {
  return useLetterMutation(id, (workspace, reason: string) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/dead-letters/{letter_id}/discard", {
        params: { path: { workspace, letter_id: id } },
        body: { reason },
      }),
    ),
  );
}

/** The list and the letter are read anew, whatever came of it. */
function useLetterMutation<Wanted, Answer>(id: string, change: (workspace: string, wanted: Wanted) => Promise<Answer>) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => change(workspace, wanted),
    onSettled: async () => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["dead-letter", workspace, id] }),
        queries.invalidateQueries({ queryKey: ["dead-letters", workspace] }),
      ]);
    },
  });
}

export type BulkVerb = "redrive" | "discard";

export interface BulkOrder {
  filter: LetterFilter;
  /** From the dry run: what was counted, and nothing that came later. */
  plan: LetterWork;
  reason: string;
  queue: string | null;
  rate_per_s: number | null;
}

/** How many wait and match. Counting has no reason yet, but the hub wants one. */
export function useBulkPlan(verb: BulkVerb, filter: LetterFilter) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["bulk-plan", workspace, verb, filter],
    queryFn: () =>
      verb === "redrive"
        ? postRedrive(workspace, { filter, dry_run: true })
        : postDiscard(workspace, { filter, dry_run: true, reason: "dry run" }),
    staleTime: 0,
    gcTime: 0,
  });
}

/** Order the job for exactly what was counted. */
export function useBulk(verb: BulkVerb) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ filter, plan, reason, queue, rate_per_s }: BulkOrder) => {
      const counted = { filter, expected_at_most: plan.count, up_to: plan.up_to };
      if (verb === "discard") return postDiscard(workspace, { ...counted, reason });
      return postRedrive(workspace, { ...counted, queue, rate_per_s });
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs", workspace] }),
  });
}

function postRedrive(workspace: string, body: BulkRedriveRequest) {
  return unwrap(client.POST("/api/v1/w/{workspace}/dead-letters/redrive", { params: { path: { workspace } }, body }));
}

function postDiscard(workspace: string, body: BulkDiscardRequest) {
  return unwrap(client.POST("/api/v1/w/{workspace}/dead-letters/discard", { params: { path: { workspace } }, body }));
}
