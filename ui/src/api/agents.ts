import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { usePlace } from "./workspace";

const REFRESH_MS = 3000;

export function useAgents() {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["agents", workspace],
    queryFn: () =>
      unwrap(client.GET("/api/v1/w/{workspace}/agents", { params: { path: { workspace }, query: { limit: 200 } } })),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}
