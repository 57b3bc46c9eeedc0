import { useMutation, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { MoveRequest, PurgeRequest, Queue, QueueDeclaration, QueueStatus } from "./resources";
import { usePlace } from "./workspace";

export type Verb = "pause" | "drain" | "resume";

const READ_ANEW = ["queues", "queue", "queue-messages", "queue-history", "jobs"];

/** Change something about a queue; what is shown of it is read anew, whatever came of it. */
function useChange<Wanted, Made>(change: (workspace: string, wanted: Wanted) => Promise<Made>) {
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

/** Pause, drain or resume. */
export function useSteerQueue(name: string) {
  return useChange((workspace, { verb, reason }: { verb: Verb; reason: string }): Promise<QueueStatus> => {
    const request = { params: { path: { workspace, name } }, body: { reason } };
    if (verb === "pause") return unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/pause", request));
    if (verb === "drain") return unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/drain", request));
    return unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/resume", request));
  });
}

/** Count what a purge would take, or order it. */
export function usePurge(name: string) {
  return useChange((workspace, body: PurgeRequest) =>
    unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/purge", { params: { path: { workspace, name } }, body })),
  );
}

/** Count what a move would touch, or order it. */
export function useMove(name: string) {
  return useChange((workspace, body: MoveRequest) =>
    unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/move", { params: { path: { workspace, name } }, body })),
  );
}

export function useDeleteQueue(name: string) {
  return useChange((workspace, body: { force: boolean; reason: string }) =>
    unwrap(client.POST("/api/v1/w/{workspace}/queues/{name}/delete", { params: { path: { workspace, name } }, body })),
  );
}

export function useCancelMessage(name: string) {
  return useChange((workspace, { seq, reason }: { seq: number; reason: string }) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/queues/{name}/messages/{seq}/cancel", {
        params: { path: { workspace, name, seq: String(seq) } },
        body: { reason },
      }),
    ),
  );
}

/** Create a queue, or change settings of one: what is left out stays as it is. */
export function useDeclareQueue() {
  return useChange(
    (workspace, { name, declaration }: { name: string; declaration: QueueDeclaration }): Promise<Queue> =>
      unwrap(
        client.PUT("/api/v1/w/{workspace}/queues/{name}", { params: { path: { workspace, name } }, body: declaration }),
      ),
  );
}

export function useQueueRollback(name: string) {
  return useChange((workspace, revision: number) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/queues/{name}/rollback", {
        params: { path: { workspace, name } },
        body: { revision, note: "" },
      }),
    ),
  );
}
