import type {
  Agent, Attempt, DeadLetter, DeadLetterDetail, EventType, EventTypeVersion, Job, Overview, Revision, Route, RouteDeclaration, StoredEvent, Trace, TraceNode,
} from "~/api/resources";

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
    redriven_to: null,
    agent: "summarizer",
    correlation_id: "m-1",
    discard_reason: null,
    discarded_at: null,
    discarded_by: null,
    edited_by: null,
    job_id: null,
    sender_verified: true,
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
    lives: [],
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

export function event(more: Partial<StoredEvent> = {}, attributes: StoredEvent["event"] = {}): StoredEvent {
  const seq = more.seq ?? 1;
  return {
    seq,
    sender: "shop",
    stored_at: AT,
    event: { specversion: "1.0", id: `e-${String(seq)}`, type: "order.created", source: "/shop", data: { id: seq }, ...attributes },
    ...more,
  };
}

export function node(more: Partial<TraceNode> = {}): TraceNode {
  return {
    id: "m-1",
    kind: "event",
    type: "order.created",
    sender: "shop",
    source: "/shop",
    subject: null,
    sent_at: AT,
    stored_at: AT,
    correlation_id: null,
    causation_id: null,
    trace_id: null,
    size_bytes: 276,
    is_cloudevent: true,
    copies: [{ seq: 7, stored_at: AT }],
    handlings: [],
    dead_letters: [],
    waiting: [],
    children: [],
    ...more,
  };
}

export function handling(more: Partial<TraceNode["handlings"][number]> = {}): TraceNode["handlings"][number] {
  return {
    lane: "queue",
    reader: "invoices",
    agent: "clerk",
    instance: "c749",
    version: "1.2.0",
    attempt: 1,
    outcome: "handled",
    error: null,
    started_at: AT,
    duration_ms: 50,
    waited_ms: 2,
    ...more,
  };
}

export function trace(more: Partial<Trace> = {}): Trace {
  return {
    message_id: "m-1",
    correlation_id: null,
    roots: [node()],
    ancestors: [],
    timeline: [],
    messages: 1,
    truncated: false,
    behind: 0,
    ...more,
  };
}

export function eventType(more: Partial<EventType> = {}): EventType {
  return {
    name: "order.created",
    declared: true,
    description: "An order was placed",
    owner: "shop",
    policy: "warn",
    compatibility: "backward",
    reading: "lenient",
    versions: 2,
    newest: 2,
    count: 1200,
    quarantined: 0,
    last_seen_at: AT,
    ...more,
  };
}

export function typeVersion(number: number): EventTypeVersion {
  return {
    type: "order.created",
    number,
    schema: { type: "object", properties: { id: { type: "integer" } } },
    dataschema: `urn:trunkline:schema:default:order.created:${String(number)}`,
    fingerprint: "f1",
    author: "admin",
    note: number === 1 ? "the first" : "",
    created_at: AT,
    deprecated_at: null,
  };
}
