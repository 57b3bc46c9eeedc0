import type { ScheduleDeclaration } from "~/api/resources";

/** A schedule as it is typed. */
export interface Typed {
  cron: string;
  timezone: string;
  kind: "queue" | "event";
  target: string;
  data: string;
  type: string;
  subject: string;
  key: string;
  priority: string;
  misfire: "skip" | "once";
  jitter_s: string | number;
  description: string;
}

export const EMPTY: Typed = {
  cron: "", timezone: "UTC", kind: "queue", target: "", data: "", type: "", subject: "", key: "", priority: "", misfire: "skip", jitter_s: "",
  description: "",
};

/** What the hub's errors may point at, that the form has a field for. */
export const POINTERS = [
  "/name", "/cron", "/timezone", "/queue", "/event", "/data", "/type", "/subject", "/key", "/priority", "/jitter_s", "/description",
];

export function typedOf(declared: ScheduleDeclaration): Typed {
  const { cron, timezone = "UTC", queue, event, data, misfire = "skip", jitter_s: jitter = 0, description = "" } = declared;
  return {
    cron, timezone, misfire, description,
    kind: queue == null ? "event" : "queue",
    target: queue ?? event ?? "",
    data: data == null ? "" : JSON.stringify(data, null, 2),
    type: declared.type ?? "",
    subject: declared.subject ?? "",
    key: declared.key ?? "",
    priority: declared.priority ?? "",
    jitter_s: jitter === 0 ? "" : jitter,
  };
}

/** Why what is typed as data is none; null where it is. */
export function wrongData(text: string): string | null {
  if (text.trim() === "") return null;
  try {
    JSON.parse(text);
    return null;
  } catch {
    return "This is not JSON";
  }
}

/** What was typed, as a declaration; `before` keeps what the form has no field for. */
export function declarationOf(typed: Typed, before: ScheduleDeclaration | null): ScheduleDeclaration {
  const { cron, timezone, kind, target, data, type, subject, key, priority, misfire, jitter_s: jitter, description } = typed;
  return {
    ...before,
    cron: cron.trim(),
    timezone: timezone.trim() || "UTC",
    queue: null,
    event: null,
    [kind]: target.trim(),
    data: data.trim() === "" ? null : (JSON.parse(data) as unknown),
    type: type.trim() || null,
    subject: subject.trim() || null,
    key: key.trim() || null,
    priority: kind === "queue" ? priority.trim() || null : null,
    misfire,
    jitter_s: Number(jitter),
    description: description.trim(),
  };
}
