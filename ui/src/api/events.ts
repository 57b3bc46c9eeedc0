import { client, unwrap } from "./client";
import type { StoredEvent } from "./resources";

/** The newest events of the log, newest first. */
export async function newestEvents(workspace: string, limit: number): Promise<StoredEvent[]> {
  const page = await unwrap(
    client.GET("/api/v1/w/{workspace}/events", { params: { path: { workspace }, query: { newest: true, limit } } }),
  );
  return page.items;
}
