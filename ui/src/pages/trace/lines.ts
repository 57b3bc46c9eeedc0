import type { Handling, Trace, TraceNode, TracedLetter } from "~/api/resources";
import type { Tone } from "~/design";

interface Place {
  key: string;
  depth: number;
  node: TraceNode;
  /** Milliseconds since 1970; null where nobody knows. */
  start: number | null;
  end: number | null;
}

export type Line = Place &
  (
    | { kind: "message" }
    | { kind: "handling"; handling: Handling }
    | { kind: "dead"; letter: TracedLetter }
    | { kind: "redrive"; letter: TracedLetter }
    | { kind: "waiting"; group: string; state: "waiting" | "in_flight" }
  );

/** Everything of a trace, one under the other: a message, what became of it, then what it caused. */
export function linesOf({ roots }: Trace): Line[] {
  return roots.flatMap((root) => ofNode(root, 0));
}

function ofNode(node: TraceNode, depth: number): Line[] {
  const sent = moment(node.sent_at ?? node.stored_at);
  const own: Line[] = [{ key: node.id, kind: "message", depth, node, start: sent, end: sent }];
  const happened: Line[] = [
    ...node.handlings.map((handling, at): Line => {
      const start = moment(handling.started_at);
      const end = start === null ? null : start + handling.duration_ms;
      return { key: `${node.id}/h${String(at)}`, kind: "handling", depth, node, start, end, handling };
    }),
    ...node.dead_letters.flatMap((letter, at): Line[] => {
      const died = moment(letter.died_at);
      const back = moment(letter.redriven_at ?? null);
      const dead: Line = { key: `${node.id}/d${String(at)}`, kind: "dead", depth, node, start: died, end: died, letter };
      if (back === null) return [dead];
      return [dead, { key: `${node.id}/r${String(at)}`, kind: "redrive", depth, node, start: back, end: back, letter }];
    }),
  ];
  const waiting = node.waiting.map(({ group, state }): Line => {
    return { key: `${node.id}/w${group}`, kind: "waiting", depth, node, start: moment(node.stored_at), end: null, group, state };
  });
  return [
    ...own,
    ...happened.sort((a, b) => (a.start ?? 0) - (b.start ?? 0)),
    ...waiting,
    ...node.children.flatMap((child) => ofNode(child, depth + 1)),
  ];
}

function moment(at: string | null): number | null {
  const parsed = at === null ? Number.NaN : Date.parse(at);
  return Number.isNaN(parsed) ? null : parsed;
}

const GOOD = new Set(["handled"]);

export function toneOf(line: Line): Tone {
  if (line.kind === "handling") return GOOD.has(line.handling.outcome) ? "ok" : "danger";
  if (line.kind === "dead") return "danger";
  if (line.kind === "redrive") return "accent";
  return line.kind === "waiting" ? "warn" : "neutral";
}

/** Who it is about. */
export function who(line: Line): string {
  if (line.kind === "message") return line.node.sender || "unknown";
  if (line.kind === "handling") return `${line.handling.agent} ${line.handling.version}`.trim();
  if (line.kind === "waiting") return line.group;
  return line.kind === "redrive" ? (line.letter.redriven_by ?? "") : line.letter.reader;
}

/** What happened, in few words. */
export function what(line: Line): string {
  const { node } = line;
  if (line.kind === "message") return `${node.kind === "unknown" ? "message" : node.kind} ${node.type || node.id}`;
  if (line.kind === "dead") return `dead letter of ${line.letter.lane} ${line.letter.reader}`;
  if (line.kind === "redrive") return `redriven to ${line.letter.lane} ${line.letter.reader}`;
  if (line.kind === "waiting") return line.state === "waiting" ? `waits for group ${line.group}` : `in flight in group ${line.group}`;
  const { lane, reader, attempt, redrive_of, replay } = line.handling;
  const life = redrive_of != null ? ", redriven" : replay != null ? ", replayed" : "";
  return `${lane} ${reader}${attempt > 1 ? ` #${String(attempt)}` : ""}${life}`;
}

export function outcome(line: Line): string {
  if (line.kind === "handling") return line.handling.outcome;
  if (line.kind === "dead") return line.letter.reason;
  if (line.kind === "waiting") return line.state === "waiting" ? "waiting" : "in flight";
  return line.kind === "redrive" ? "redriven" : "sent";
}

export function errorOf(line: Line): string {
  if (line.kind === "handling") return line.handling.error ?? "";
  return line.kind === "dead" ? line.letter.error : "";
}
