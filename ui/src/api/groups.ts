import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import type { Group } from "./resources";
import { usePlace } from "./workspace";

const REFRESH_MS = 3000;
const MOST = 200;

/** Who follows the log, and how far behind each is. */
export function useGroups() {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: ["groups", workspace],
    queryFn: async (): Promise<Group[]> => {
      const page = await unwrap(
        client.GET("/api/v1/w/{workspace}/groups", { params: { path: { workspace }, query: { limit: MOST } } }),
      );
      return page.items;
    },
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}
