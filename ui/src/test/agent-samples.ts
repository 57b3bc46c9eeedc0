import type { Agent, Task, TaskStep } from "~/api/resources";

const AT = "2026-11-22T11:20:00.000000Z";

export function task(more: Partial<Task> = {}): Task {
  return {
    id: "t-1",
    context_id: "c-1",
    agent: "baker",
    skill: "bake",
    caller: "admin",
    origin: "rest",
    status: { state: "working", at: AT },
    progress: { fraction: 0.4, message: "in the oven" },
    error: null,
    history: [{ id: "m-1", role: "user", at: AT, parts: [{ data: { item: "rye" } }] }],
    artifacts: [],
    metadata: {},
    turn: 1,
    attempt: 1,
    seq: 3,
    created_at: AT,
    updated_at: AT,
    ...more,
  };
}

export function step(seq: number, event: Partial<TaskStep["event"]>): TaskStep {
  return { seq, task_id: "t-1", event: { kind: "status", at: AT, ...event } };
}

export function agent(more: Partial<Agent> = {}): Agent {
  return {
    name: "baker",
    owner: "baker",
    version: "1.2.0",
    description: "Bakes bread",
    state: "healthy",
    skills: [],
    queues: ["agent.baker"],
    groups: ["oven"],
    instances: [
      { id: "i-1", state: "healthy", version: "1.2.0", since: AT, last_beat_at: AT, in_flight: 1, handled: 41, failed: 2 },
    ],
    registered_at: AT,
    updated_at: AT,
    ...more,
  };
}
