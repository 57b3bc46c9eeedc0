// Long work (docs/protocol/tasks.md).

import type { Bus } from "./bus.ts";
import { asError, asProblem, PermanentError, TrunklineError } from "./errors.ts";
import type { Hub } from "./hub.ts";
import { newId, now, part, token } from "./names.ts";
import type { WorkContext } from "./work.ts";

export interface Part {
  text?: string;
  data?: unknown;
  media_type?: string;
  filename?: string;
}

export interface TaskMessage {
  id: string;
  role: "user" | "agent";
  parts: Part[];
  at?: string;
}

interface Job {
  task_id: string;
  turn: number;
  seed: { skill: string; caller: string; input?: unknown };
  history?: TaskMessage[];
  checkpoint?: unknown;
  state?: string;
}

export type LongSkill = (input: unknown, task: TaskRun) => Promise<unknown>;

const ENDS = new Set(["completed", "failed", "canceled", "rejected"]);
const FRESH_MS = 2000;
const PATIENCE_S = 60;

/** Ends a run that waits for its caller, or that the agent does not take on. */
class SuspendedError extends Error {
  readonly state: string;
  readonly said: TaskMessage;

  constructor(state: string, said: TaskMessage) {
    super(state);
    this.state = state;
    this.said = said;
  }
}

/** What a long skill knows and says about the task in its hands. */
export class TaskRun {
  readonly id: string;
  readonly history: TaskMessage[];
  readonly checkpoint: unknown;
  readonly signal: AbortSignal;
  private readonly write: (step: object) => Promise<void>;
  private readonly answers: TaskMessage[];

  constructor(job: Job, signal: AbortSignal, write: (step: object) => Promise<void>) {
    this.id = job.task_id;
    this.history = job.history ?? [];
    this.checkpoint = job.checkpoint;
    this.signal = signal;
    this.write = write;
    this.answers = this.history.filter((message) => message.role === "user").slice(1);
  }

  async status(text: string): Promise<void> {
    await this.write({ kind: "status", state: "working", message: said(text) });
  }

  async progress(fraction: number, message = ""): Promise<void> {
    await this.write({ kind: "progress", progress: message === "" ? { fraction } : { fraction, message } });
  }

  async artifact(name: string, content: unknown): Promise<void> {
    const part = typeof content === "string" ? { text: content } : { data: content, media_type: "application/json" };
    await this.write({ kind: "artifact", artifact: { id: name, name, parts: [part] } });
  }

  async save(checkpoint: unknown): Promise<void> {
    await this.write({ kind: "checkpoint", checkpoint });
  }

  /** The caller's answer; until there is one, this run ends and the next one comes here again. */
  ask(question: string): TaskMessage {
    const answer = this.answers.shift();
    if (answer === undefined) throw new SuspendedError("input-required", said(question));
    return answer;
  }

  reject(reason: string): never {
    throw new SuspendedError("rejected", said(reason));
  }
}

export class TaskWorker {
  private readonly bus: Bus;
  private readonly hub: Hub;
  private readonly agent: string;
  private readonly skills: Map<string, LongSkill>;
  private readonly running = new Map<string, AbortController>();

  constructor(bus: Bus, hub: Hub, agent: string, skills: Map<string, LongSkill>) {
    this.bus = bus;
    this.hub = hub;
    this.agent = agent;
    this.skills = skills;
  }

  /** Hear of tasks that are no longer wanted. */
  start(): void {
    for (const name of this.skills.keys()) {
      this.bus.nc.subscribe(`${this.bus.root}.cancel.*.${token(name)}.*`, {
        callback: (_error, msg) => {
          if (part(msg.subject, 3) === "hub") this.running.get(part(msg.subject, -1))?.abort();
        },
      });
    }
  }

  /** Bring one job to its end. */
  handle = async (data: unknown, context: WorkContext): Promise<void> => {
    if (context.sender !== "hub") throw new PermanentError("Only a hub hands tasks over");
    const job = await this.latest(data as Job, context);
    if (job === undefined) return;
    const skill = this.skills.get(job.seed.skill);
    if (skill === undefined) throw new PermanentError(`${this.agent} has no skill ${job.seed.skill}`);
    const stop = new AbortController();
    this.running.set(job.task_id, stop);
    try {
      await this.run(job, skill, context.attempt, stop.signal);
    } finally {
      this.running.delete(job.task_id);
    }
  };

  /** The job as it stands now; nothing where there is nothing to do. */
  private async latest(given: Job, context: WorkContext): Promise<Job | undefined> {
    let job = given;
    if (context.attempt > 1 || Date.now() - Date.parse(context.event.time ?? "1970-01-01T00:00:00Z") > FRESH_MS) {
      try {
        job = await this.hub.ask<Job>("GET", `/tasks/${encodeURIComponent(job.task_id)}/job`, undefined, PATIENCE_S);
      } catch (thrown) {
        if (thrown instanceof TrunklineError && thrown.code === "task.unknown") return undefined;
        throw thrown;
      }
    }
    return ENDS.has(job.state ?? "submitted") || `${job.task_id}.${job.turn}` !== context.event.id ? undefined : job;
  }

  private async run(job: Job, skill: LongSkill, attempt: number, signal: AbortSignal): Promise<void> {
    const subject = `${this.bus.root}.work.${this.bus.principal}.${token(this.agent)}.${token(job.task_id)}`;
    let count = 0;
    const write = async (step: object): Promise<void> => {
      signal.throwIfAborted();
      count += 1;
      const payload = JSON.stringify({ at: now(), run: [job.turn, attempt], ...step });
      await this.bus.store(subject, `${job.task_id}.${job.turn}.${attempt}.${count}`, { payload, headers: {} });
    };
    await write({ kind: "status", state: "working" });
    try {
      const task = new TaskRun(job, signal, write);
      const output = await until(signal, skill(job.seed.input, task));
      if (output !== undefined) await task.artifact("result", output);
      await write({ kind: "status", state: "completed" });
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof SuspendedError) await write({ kind: "status", state: thrown.state, message: thrown.said });
      else await write({ kind: "status", state: "failed", error: asProblem(asError(thrown)) });
    }
  }
}

/** What `work` gives, or an error as soon as `signal` says that it is no longer wanted. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  work.catch(() => {});
  return Promise.race([work, stopped]);
}

function said(text: string): TaskMessage {
  return { id: newId(), role: "agent", parts: [{ text }], at: now() };
}
