import { useQuery } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { Trace, TraceNode } from "./resources";
import { usePlace } from "./workspace";

const UNDER_WAY_MS = 2000;

/** What a trace is asked for by. */
export type TraceKey = "message" | "correlation" | "trace";

/** Whether more is to come: somebody waits, or the index has not read all of it. */
export function isUnderWay({ behind, roots }: Trace): boolean {
  return behind > 0 || roots.some(waits);
}

function waits({ waiting, children }: TraceNode): boolean {
  return waiting.length > 0 || children.some(waits);
}

export function useTrace(by: TraceKey, id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["trace", workspace, by, id],
    queryFn: () =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/traces", {
          params: {
            path: { workspace },
            query: {
              ...(by === "message" ? { message_id: id } : {}),
              ...(by === "correlation" ? { correlation_id: id } : {}),
              ...(by === "trace" ? { trace_id: id } : {}),
            },
          },
        }),
      ),
    refetchInterval: (query) => (query.state.data !== undefined && isUnderWay(query.state.data) ? UNDER_WAY_MS : false),
  });
}
