import type { Queue, QueueDeclaration } from "~/api/resources";

/** A setting of a queue, as it is typed. */
export interface Field {
  /** Its place in a declaration; also what the hub's errors point at. */
  pointer: string;
  label: string;
  /** What it means, in a few words. */
  about: string;
  suffix?: string;
  /** "high=4, low=1" instead of a number. */
  weights?: boolean;
}

/** The settings that every queue has. */
export const FIELDS: Field[] = [
  { pointer: "/retry/max_attempts", label: "Attempts", about: "before it becomes a dead letter" },
  { pointer: "/retry/base_s", label: "First wait", about: "before the second attempt", suffix: " s" },
  { pointer: "/retry/factor", label: "Growth", about: "each wait is so many times the one before" },
  { pointer: "/retry/max_s", label: "Longest wait", about: "between two attempts", suffix: " s" },
  { pointer: "/retry/jitter", label: "Jitter", about: "part of a wait that is left to chance, 0 to 1" },
  { pointer: "/ack_wait_s", label: "Lease", about: "until a dead worker's message goes to another", suffix: " s" },
  { pointer: "/max_in_flight", label: "Most in flight", about: "with all workers together" },
  { pointer: "/max_messages", label: "Most messages", about: "a full queue refuses; 0 is no limit" },
  { pointer: "/max_bytes", label: "Most bytes", about: "as stored; 0 is no limit" },
  { pointer: "/expires_after_s", label: "Expires after", about: "what waits longer is dead; 0 is never", suffix: " s" },
  { pointer: "/dedupe_window_s", label: "Keys remembered", about: "for de-duplication; 0 is not at all", suffix: " s" },
  { pointer: "/concurrency_per_key", label: "At once per key", about: "1 is strict order, 0 is any" },
  { pointer: "/partitions", label: "Partitions", about: "keys that can be at work side by side" },
  { pointer: "/classes", label: "Priority classes", about: "each with its weight", weights: true },
];

/** What is typed, by pointer. */
export type Texts = Record<string, string | number>;

export function textsOf(queue: Queue): Texts {
  return Object.fromEntries(FIELDS.map((field) => [field.pointer, textOf(queue, field)]));
}

function textOf(queue: Queue, { pointer, weights = false }: Field): string | number {
  const value = pointer
    .slice(1)
    .split("/")
    .reduce<unknown>((inside, step) => (inside as Record<string, unknown>)[step], queue);
  if (!weights) return (value as number | null | undefined) ?? "";
  return Object.entries((value as Record<string, number> | null) ?? {})
    .map(([name, weight]) => `${name}=${String(weight)}`)
    .join(", ");
}

/** What differs from how the queue is, as a declaration: what it leaves out stays. */
export function changes(texts: Texts, queue: Queue | null): QueueDeclaration {
  const before: Texts = queue === null ? {} : textsOf(queue);
  const changed = FIELDS.filter(({ pointer }) => (texts[pointer] ?? "") !== (before[pointer] ?? "") && texts[pointer] !== "");
  const cleared = FIELDS.filter(({ pointer, weights }) => weights === true && texts[pointer] === "" && before[pointer] !== "");
  const declaration: Record<string, unknown> = {};
  const retry: Record<string, unknown> = { ...(queue?.retry ?? {}) };
  for (const { pointer, weights = false } of [...changed, ...cleared]) {
    const [first = "", second] = pointer.slice(1).split("/");
    const text = texts[pointer] ?? "";
    const value = weights ? weightsOf(String(text)) : Number(text);
    if (second === undefined) declaration[first] = value;
    else {
      retry[second] = value;
      declaration[first] = retry;
    }
  }
  return declaration as QueueDeclaration;
}

/** "high=4, low" → {high: 4, low: 1}; the hub judges it. */
function weightsOf(text: string): Record<string, number> {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  return Object.fromEntries(
    parts.map((part) => {
      const [name = "", weight = "1"] = part.split("=");
      return [name, Number(weight)];
    }),
  );
}
