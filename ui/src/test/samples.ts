import type { Agent, Attempt, DeadLetter, DeadLetterDetail, Job, Overview, Revision, Route, RouteDeclaration } from "~/api/resources";

const AT = "2026-11-22T11:20:00.000000Z";

export function overview(more: Partial<Overview> = {}): Overview {
  return {
    at: AT,
    version: "0.1.0",
    agents_up: 2,
    agents_total: 3,
    events_total: 1200,
    tasks_total: 300,
    dead_total: 5,
    dead_waiting: 4,
    attempts_failed: 17,
    bus_up: true,
    readers: [{ lane: "queue", name: "invoices", waiting: 8, in_flight: 2, delivered: 300, dead: 4 }],
    history: [
      { at: AT, events_per_s: 20, tasks_per_s: 10, depth: 8, in_flight: 2, dead: 4, agents_up: 2 },
    ],
    ...more,
  };
}

export const agent: Agent = {
  name: "summarizer",
  owner: "admin",
  version: "1.2.0",
  description: "Shortens texts",
  state: "healthy",
  skills: [{ name: "summarize" }],
  queues: ["invoices"],
  groups: [],
  instances: [
    { id: "c749", state: "healthy", version: "1.2.0", since: AT, last_beat_at: AT, in_flight: 0, handled: 40, failed: 3 },
    { id: "d850", state: "healthy", version: "1.2.0", since: AT, last_beat_at: AT, in_flight: 0, handled: 2, failed: 1 },
  ],
  registered_at: AT,
  updated_at: AT,
};

export function letter(more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: "dl-1",
    lane: "queue",
    reader: "invoices",
    message_id: "m-1",
    type: "task.invoices",
    sender: "admin",
    reason: "attempts_exhausted",
    error: "paper jam",
    attempts: 2,
    size_bytes: 276,
    died_at: AT,
    traceparent: "00-99e1d82f54c205a85f7e3691a5c247e7-7a5b662a762d66c0-01",
    redriven_at: null,
    redriven_by: null,
    ...more,
  };
}

function attempt(number: number): Attempt {
  return {
    message_id: "m-1",
    stream_seq: 446,
    number,
    agent: "summarizer",
    instance: "c749",
    version: "1.2.0",
    started_at: AT,
    duration_ms: 12.5,
    error: { code: "handler.raised", message: "paper jam", type: "RuntimeError", traceback: "Traceback: line 26" },
    final: number === 2,
  };
}

export function detail(more: Partial<DeadLetter> = {}): DeadLetterDetail {
  return {
    letter: letter(more),
    subject: "tl.default.tasks.invoices.normal.0.admin",
    headers: { "Tl-Reason": "attempts_exhausted" },
    payload: { specversion: "1.0", id: "m-1", type: "task.invoices", data: { id: 7 } },
    payload_encoding: "json",
    payload_truncated: false,
    history: [attempt(1), attempt(2)],
  };
}

export function job(more: Partial<Job> = {}): Job {
  return {
    id: "job-1",
    kind: "dead_letters.redrive",
    title: "Redrive 5,000 dead letters",
    state: "running",
    params: { reader: "invoices" },
    total: 5000,
    done: 1000,
    failed: 0,
    rate_per_s: null,
    result: {},
    error: null,
    by: "admin",
    created_at: AT,
    started_at: AT,
    updated_at: AT,
    finished_at: null,
    ...more,
  };
}

export function route(more: Partial<Route> = {}, declared: Partial<RouteDeclaration> = {}): Route {
  return {
    name: "big",
    route: {
      targets: [
        { queue: "review", weight: 9 },
        { queue: "review-v2", weight: 1 },
      ],
      mode: "split",
      match: { types: ["order.*"], data: [{ path: "/total", op: ">", value: 100 }] },
      ...declared,
    },
    revision: 2,
    counts: { routed: 12, dead_ends: 0, loops: 0, last_at: AT, last_error: null },
    updated_at: AT,
    updated_by: "admin",
    ...more,
  };
}

export function revision(number: number): Revision {
  return { number, action: "declared", body: {}, by: "admin", at: AT, note: "" };
}
