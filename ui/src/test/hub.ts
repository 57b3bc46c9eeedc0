import { vi } from "vitest";

import type { Problem } from "~/api/problem";

type Handler = (request: Request, url: URL) => unknown;

/** An answer that is not 200 with JSON. */
export class Refusal {
  constructor(readonly problem: Problem) {}
}

export function problem(status: number, code: string, title: string, more: Partial<Problem> = {}): Refusal {
  return new Refusal({
    type: `urn:trunkline:error:${code}`,
    title,
    status,
    code,
    detail: title,
    remedy: "Do something about it.",
    request_id: "req-1",
    ...more,
  });
}

export const NOBODY = problem(401, "access.token_missing", "No credentials were sent");

/** Stands in for the hub at the network's edge: routes by `METHOD path`, and keeps what was asked. */
export class FakeHub {
  readonly requests: Request[] = [];
  private readonly routes = new Map<string, Handler>();

  constructor() {
    vi.stubGlobal("fetch", this.fetch);
  }

  on(route: string, handler: Handler): this {
    this.routes.set(route, handler);
    return this;
  }

  /** Signed in, with nothing there. */
  empty(): this {
    return this.on("GET /api/v1/session", () => ({ principal: "admin", workspace: "*", scopes: ["*"] }))
      .on("GET /api/v1/w/default/agents", () => ({ items: [], next: null }))
      .on("GET /api/v1/w/default/events", () => ({ items: [], next: null }))
      .on("GET /api/v1/w/default/groups", () => ({ items: [], next: null }))
      .on("GET /api/v1/w/default/dead-letters", () => ({ items: [], next: null }));
  }

  asked(route: string): Request[] {
    return this.requests.filter((request) => `${request.method} ${new URL(request.url).pathname}` === route);
  }

  private readonly fetch = async (input: Request): Promise<Response> => {
    const url = new URL(input.url);
    this.requests.push(input.clone());
    const handler = this.routes.get(`${input.method} ${url.pathname}`);
    const answer = await (handler?.(input, url) ?? problem(404, "not_found.route", "There is nothing at this address"));
    if (answer instanceof Refusal) {
      const headers = { "Content-Type": "application/problem+json" };
      return new Response(JSON.stringify(answer.problem), { status: answer.problem.status, headers });
    }
    return Response.json(answer);
  };
}
