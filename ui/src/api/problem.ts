/** RFC 9457 problem details as the hub sends them. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  remedy?: string | null;
  request_id?: string | null;
  errors?: { pointer: string; detail: string }[];
}

/** What every failed request throws: the hub's own words, or ours when it gave none. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

const UNREACHABLE: Problem = {
  type: "about:blank",
  title: "The hub does not answer",
  status: 0,
  code: "hub.unreachable",
  detail: "The request never reached it: the hub is stopped, or the network is down.",
  remedy: "Start it with `trunkline serve`; this page picks up by itself.",
};

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "title" in value && "detail" in value;
}

/** Make a problem out of a failed answer's body, whoever wrote it. */
export function problemFrom(body: unknown, response: Response): Problem {
  if (isProblem(body)) return body;
  return {
    type: "about:blank",
    title: "The hub gave an unexpected answer",
    status: response.status,
    code: `http.${String(response.status)}`,
    detail: `${String(response.status)} ${response.statusText}`.trim(),
    remedy: "Look up the request id in the hub's log and report it.",
    request_id: response.headers.get("x-request-id"),
  };
}

/** Whether the same request may succeed by itself later. */
export function mayPass({ status }: Problem): boolean {
  return status === 0 || status >= 500;
}

/** Make a problem out of anything thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof TypeError) return UNREACHABLE;
  const detail = error instanceof Error ? error.message : String(error);
  return { type: "about:blank", title: "Something went wrong on this page", status: 0, code: "ui", detail };
}

/** What is wrong with each field of a request, by the field's JSON pointer. */
export function fieldErrors(error: unknown): Record<string, string> {
  const problem = error == null ? undefined : problemOf(error);
  return Object.fromEntries((problem?.errors ?? []).map(({ pointer, detail }) => [pointer, detail]));
}

/** The problem without what is told at its fields; null where that is all of it. */
export function besides(error: unknown, pointers: readonly string[]): Problem | null {
  if (error == null) return null;
  const problem = problemOf(error);
  const all = problem.errors ?? [];
  const left = all.filter(({ pointer }) => !pointers.includes(pointer));
  return all.length > 0 && left.length === 0 ? null : { ...problem, errors: left };
}
