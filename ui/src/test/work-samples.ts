import type { Queue, QueuedMessage, Schedule, Scheduled } from "~/api/resources";

const AT = "2026-11-22T11:20:00.000000Z";

export function queue(more: Partial<Queue> = {}): Queue {
  return {
    name: "invoices",
    retry: { max_attempts: 5, base_s: 0.5, factor: 2, max_s: 300, jitter: 0.2 },
    ack_wait_s: 30,
    max_in_flight: 10_000,
    classes: { normal: 1 },
    concurrency_per_key: 0,
    partitions: 0,
    dedupe_window_s: 0,
    max_messages: 0,
    max_bytes: 0,
    expires_after_s: 0,
    page: 0,
    depth: 1200,
    in_flight: 3,
    redelivered: 0,
    workers_waiting: 2,
    workers: 4,
    consumers: 1,
    oldest_age_s: 130,
    in_per_s: 12,
    out_per_s: 9.5,
    trend: [1, 5, 9],
    trend_s: 15,
    lanes: [],
    dead: 0,
    created_at: AT,
    ...more,
  };
}

export function queuedMessage(more: Partial<QueuedMessage> = {}): QueuedMessage {
  return {
    seq: 41,
    id: "m-41",
    type: "task.invoices",
    sender: "shop",
    key: "customer-7",
    enqueued_at: AT,
    size_bytes: 313,
    state: "waiting",
    failed_attempts: 0,
    headers: { "Tl-Attempt": "1" },
    payload: { specversion: "1.0", id: "m-41", type: "task.invoices", data: { invoice: 41 } },
    payload_encoding: "json",
    payload_truncated: false,
    ...more,
  };
}

export function schedule(more: Partial<Schedule> = {}): Schedule {
  return {
    name: "morning",
    declaration: { cron: "0 6 * * 1-5", timezone: "Europe/Berlin", queue: "reports", data: { kind: "daily" } },
    owner: "admin",
    paused: false,
    next_at: ["2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"],
    created_at: AT,
    updated_at: AT,
    ...more,
  };
}

export function scheduled(more: Partial<Scheduled> = {}): Scheduled {
  return {
    id: "s-1",
    message_id: "m-9",
    kind: "task",
    target: "reports",
    due_at: "2199-01-01T00:00:00Z",
    scheduled_at: AT,
    by: "shop",
    attempt: 1,
    size_bytes: 200,
    preview: '{"later":1}',
    ...more,
  };
}
