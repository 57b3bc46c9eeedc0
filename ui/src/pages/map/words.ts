import type { MapEdge, MapNode } from "~/api/resources";
import { format } from "~/design";
import type { Tone } from "~/design";

const VERBS = { call: "calls", event: "publishes to", task: "gives tasks to" };
/** What every task's job is called says nothing. */
const TASK_RUN = "trunkline.task.run";

/** What one end does to the other. */
export function verbOf({ kind, source }: MapEdge): string {
  if (kind !== "queue") return VERBS[kind];
  return source.startsWith("queue:") ? "hands work to" : "puts work into";
}

/** What was called or sent. */
export function namesOf({ names }: MapEdge): string {
  return names.filter((name) => name !== TASK_RUN).join(", ");
}

const TROUBLE = 0.05;
const SHOWN_QUIET = 25;

/** How much of an edge's traffic fails, as a tone. */
export function toneOf({ error_rate: share }: MapEdge): Tone {
  if (share === 0) return "ok";
  return share < TROUBLE ? "warn" : "danger";
}

export function nameOf(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}

/** Where a node leads; a principal that is no agent has no page. */
export function pageOf(id: string): string | null {
  const name = encodeURIComponent(nameOf(id));
  if (id.startsWith("agent:")) return `/agents/${name}`;
  return id.startsWith("queue:") ? `/queues/${name}` : null;
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "< 1 %" : `${String(Math.round(share * 100))} %`;
}

export function rateOf(rate: number): string {
  return rate > 0 && rate < 0.1 ? `${format.rate(Math.max(0.1, rate * 60))} / min` : `${format.rate(rate)} / s`;
}

/** Everything about an edge in a line. */
export function edgeWords(edge: MapEdge): string {
  const took = edge.p95_ms === null ? "" : `, p95 ${format.duration(edge.p95_ms)}`;
  const names = namesOf(edge);
  const failed = edge.failed === 0 ? "" : `, ${percent(edge.error_rate)} failed`;
  return `${nameOf(edge.source)} ${verbOf(edge)} ${nameOf(edge.target)}: ${names === "" ? "" : `${names}, `}${rateOf(edge.rate)}${took}${failed}`;
}

/** Agents without traffic: the first few, those that run before those that do not. */
export function withoutMost(nodes: MapNode[], edges: MapEdge[]) {
  const busy = new Set(edges.flatMap(({ source, target }) => [source, target]));
  const quiet = nodes.filter(({ id }) => !busy.has(id));
  const isUp = ({ instances }: MapNode) => (instances ?? 0) > 0;
  const first = [...quiet.filter(isUp), ...quiet.filter((node) => !isUp(node))].slice(0, SHOWN_QUIET);
  return { nodes: [...nodes.filter(({ id }) => busy.has(id)), ...first], left: quiet.length - first.length };
}

/** What remains of a map when only what has `text` in its name, and whom it works with, is looked at. */
export function narrowed(nodes: MapNode[], edges: MapEdge[], text: string, kind: string | null) {
  const wanted = text.toLowerCase();
  const hits = new Set(nodes.filter((node) => `${node.name} ${node.title ?? ""}`.toLowerCase().includes(wanted)).map(({ id }) => id));
  const kept = edges.filter(
    (edge) =>
      (kind === null || edge.kind === kind) &&
      (hits.has(edge.source) || hits.has(edge.target) || edge.names.some((name) => name.toLowerCase().includes(wanted))),
  );
  const near = new Set(kept.flatMap(({ source, target }) => [source, target]));
  return { nodes: nodes.filter(({ id }) => near.has(id) || (kind === null && hits.has(id))), edges: kept };
}
