import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import type { ReactNode } from "react";

import type { Overview } from "~/api/resources";
import { SESSION_KEY } from "~/api/session";
import { usePlace } from "~/api/workspace";

import { openStream } from "./stream";
import type { StreamState } from "./stream";

const SILENCE_MS = 12_000;

export interface LiveOverview {
  overview: Overview | null;
  state: StreamState;
}

const LiveContext = createContext<LiveOverview>({ overview: null, state: "connecting" });

/** Follow the workspace's overview, once for all pages. */
export function LiveOverviewProvider({ children }: { children: ReactNode }) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  const [overview, setOverview] = useState<Overview | null>(null);
  const [state, setState] = useState<StreamState>("connecting");

  useEffect(
    () =>
      openStream({
        url: `/api/v1/w/${encodeURIComponent(workspace)}/overview/live`,
        event: "overview",
        silence_ms: SILENCE_MS,
        onMessage: (data) => {
          setOverview(JSON.parse(data) as Overview);
        },
        onState: setState,
        onFailure: () => void queries.invalidateQueries({ queryKey: SESSION_KEY }),
      }),
    [workspace, queries],
  );

  return <LiveContext value={{ overview, state }}>{children}</LiveContext>;
}

export function useLiveOverview(): LiveOverview {
  return useContext(LiveContext);
}
