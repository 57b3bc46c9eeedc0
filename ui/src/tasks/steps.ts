import type { Task, TaskMessage, TaskStep } from "~/api/resources";

export type LineKind =
  | "asked" | "said" | "status" | "waits" | "progress" | "made" | "saved" | "completed" | "failed" | "canceled";

/** A step, or several of a kind in a row, in words. */
export interface Line {
  seq: number;
  kind: LineKind;
  words: string;
  at: string;
  /** Which run says so, where it is not the first. */
  run: string;
}

const WORDS_CHARS = 160;
/** Of these only the last in a row is worth a line. */
const FOLDED = new Set<LineKind>(["progress", "saved"]);

export function linesOf(steps: TaskStep[], task: Task): Line[] {
  const lines: Line[] = [];
  for (const step of steps) {
    if (step.event.kind === "handed_over") continue; // between hub and queue
    const line = lineOf(step, task);
    const last = lines.at(-1);
    // What is made in pieces is one thing.
    const again = last?.kind === line.kind && (FOLDED.has(line.kind) || (line.kind === "made" && last.words === line.words));
    if (again) lines.pop();
    lines.push(line);
  }
  return lines;
}

function lineOf({ seq, event }: TaskStep, task: Task): Line {
  const [turn = 0, attempt = 0] = event.run ?? [];
  const [kind, words] = worded(event, task);
  const run = attempt > 1 ? `turn ${String(turn)}, run ${String(attempt)}` : turn > 1 ? `turn ${String(turn)}` : "";
  return { seq, kind, words, at: event.at, run };
}

function worded(event: TaskStep["event"], task: Task): [LineKind, string] {
  if (event.kind === "created") return ["asked", `${event.by || task.caller} asked for ${task.skill} by ${task.origin}`];
  if (event.kind === "message") return ["said", `${event.by || task.caller} answered${quoted(event.message)}`];
  if (event.kind === "checkpoint") return ["saved", `${task.agent} saved how far it is`];
  if (event.kind === "artifact") return ["made", `${task.agent} made ${event.artifact?.name || "an artifact"}`];
  if (event.kind === "resumed") return ["status", `${task.agent} went on by itself`];
  if (event.kind === "progress") {
    const { fraction = 0, message = "" } = event.progress ?? {};
    return ["progress", `${String(Math.round(fraction * 100))} %${message === "" ? "" : ` · ${message}`}`];
  }
  return changed(event, task);
}

function changed({ state, message, error, by }: TaskStep["event"], task: Task): [LineKind, string] {
  const said = quoted(message);
  if (state === "completed") return ["completed", `${task.agent} completed it${said}`];
  if (state === "failed") return ["failed", `It failed: ${error?.detail ?? error?.title ?? "nobody said why"}`];
  if (state === "rejected") return ["failed", `${task.agent} rejected it${said}`];
  if (state === "canceled") return ["canceled", `${by || "Somebody"} called it off${said}`];
  if (state === "input-required") return ["waits", `${task.agent} asks${said}`];
  if (state === "auth-required") return ["waits", `${task.agent} waits for a sign-in${said}`];
  const text = textOf(message);
  return ["status", text === "" ? `${task.agent} works on it` : text];
}

function textOf(message: TaskMessage | null | undefined): string {
  const text = (message?.parts ?? []).flatMap((part) => (typeof part.text === "string" ? [part.text] : [])).join(" ");
  return text.length > WORDS_CHARS ? `${text.slice(0, WORDS_CHARS)}…` : text;
}

function quoted(message: TaskMessage | null | undefined): string {
  const text = textOf(message);
  return text === "" ? "" : `: ${text}`;
}
