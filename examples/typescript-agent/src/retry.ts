// What becomes of a message after a failed attempt (docs/protocol/reading.md, "What an error means").

import { PermanentError, RetryAfterError, TrunklineError } from "./errors.ts";

export interface ErrorRule {
  errors: string[];
  then?: "retry" | "dead_letter" | "drop";
  max_attempts?: number;
  base_s?: number;
  max_s?: number;
}

export interface RetryPolicy {
  max_attempts: number;
  base_s: number;
  factor: number;
  max_s: number;
  jitter: number;
  rules: ErrorRule[];
}

export type Verdict = { kind: "retry"; delayS: number } | { kind: "dead"; reason: string } | { kind: "drop" };

export function mostAttempts(policy: RetryPolicy): number {
  return Math.max(policy.max_attempts, ...policy.rules.map((rule) => rule.max_attempts ?? 0));
}

export function decide(policy: RetryPolicy, error: Error, attempt: number): Verdict {
  const code = error instanceof TrunklineError ? error.code : "";
  if (code === "message.expired") return { kind: "dead", reason: "expired" };
  const names = namesOf(error);
  const rule = policy.rules.find((one) => one.errors.some((pattern) => names.some((name) => matches(pattern, name))));
  if (rule?.then === "drop") return { kind: "drop" };
  if (rule?.then === "dead_letter") return { kind: "dead", reason: "rejected" };
  if (rule === undefined && error instanceof PermanentError) return { kind: "dead", reason: "rejected" };
  if (rule === undefined && code.startsWith("message.")) return { kind: "dead", reason: "invalid" };
  if (attempt >= (rule?.max_attempts ?? policy.max_attempts)) return { kind: "dead", reason: "attempts_exhausted" };
  if (error instanceof RetryAfterError) return { kind: "retry", delayS: error.delayS };
  const full = (rule?.base_s ?? policy.base_s) * policy.factor ** (attempt - 1);
  return { kind: "retry", delayS: Math.min(full, rule?.max_s ?? policy.max_s) * (1 - policy.jitter * Math.random()) };
}

function namesOf(error: Error): string[] {
  const names: string[] = [];
  for (let kind: unknown = error.constructor; typeof kind === "function" && kind !== Object; kind = Object.getPrototypeOf(kind)) {
    if (kind.name !== "") names.push(kind.name);
  }
  if (error instanceof TrunklineError) names.push(error.code);
  const status = (error as { status?: unknown }).status;
  if (typeof status === "number") names.push(`http.${status}`);
  return names;
}

/** `*`, `?` and `[…]`; all else stands for itself. */
function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/\[!?[^\]]+\]|[*?]|[^A-Za-z0-9_]/g, (found) => {
    if (found === "*") return ".*";
    if (found === "?") return ".";
    if (found.length > 1) return found.replace("[!", "[^").replaceAll("\\", "\\\\");
    return `\\${found}`;
  });
  return new RegExp(`^${source}$`, "s").test(name);
}
