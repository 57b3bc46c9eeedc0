import createClient from "openapi-fetch";
import type { Middleware } from "openapi-fetch";

import { ProblemError, problemFrom } from "./problem";
import type { paths } from "./schema";

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

type Listener = () => void;
const unauthorized = new Set<Listener>();

/** Be told when the hub no longer knows who we are; returns how to stop listening. */
export function onUnauthorized(listener: Listener): () => void {
  unauthorized.add(listener);
  return () => unauthorized.delete(listener);
}

const session: Middleware = {
  onRequest({ request }) {
    if (!SAFE.has(request.method)) request.headers.set("X-Trunkline-Session", "1");
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/api/v1/session") {
      for (const listener of unauthorized) listener();
    }
    return undefined;
  },
};

export const client = createClient<paths>({
  baseUrl: globalThis.location.origin,
  // Looked up at each call, so that tests may stand in for the network.
  fetch: (request) => globalThis.fetch(request),
});
client.use(session);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Return the answer's data. @throws ProblemError when the hub refused. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ProblemError(problemFrom(error, response));
  return data as T;
}
