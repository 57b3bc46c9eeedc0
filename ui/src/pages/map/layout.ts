import type { MapEdge, MapNode } from "~/api/resources";

export const NODE = { width: 168, height: 40 };
const GAP = { x: 92, y: 18, part: 34 };
const TALLEST = 14;
const SWEEPS = 4;
const QUIET_COLUMNS = 5;
/** Begins what is no node, but room for a line. */
const PASSING = "~";
const PASSING_HEIGHT = 4;

export interface Place {
  x: number;
  y: number;
}

export interface Layout {
  places: Map<string, Place>;
  width: number;
  height: number;
  /** By "source target": where a line passes between the boxes of other columns on its way. */
  ways: Map<string, Place[]>;
  /** Where those without traffic begin; null where there are none. */
  quietAt: number | null;
}

/**
 * Puts senders left of receivers, in columns. The same nodes and edges always give the
 * same picture, whatever order they come in and however busy they are.
 */
export function layout(nodes: MapNode[], edges: MapEdge[]): Layout {
  const ids = nodes.map(({ id }) => id).sort();
  const known = new Set(ids);
  const pairs = [...new Set(edges.map(({ source, target }) => JSON.stringify([source, target])))]
    .sort()
    .map((pair) => JSON.parse(pair) as [string, string])
    .filter(([source, target]) => source !== target && known.has(source) && known.has(target));
  const busy = ids.filter((id) => pairs.some((pair) => pair.includes(id)));
  const { layers, links, gaps } = withGaps(layered(busy, pairs), pairs);
  const columns = ordered(layers, links).flatMap((layer) => cut(layer));
  const size = (id: string) => (id.startsWith(PASSING) ? PASSING_HEIGHT : NODE.height) + GAP.y;
  const tall = (column: string[]) => column.reduce((sum, id) => sum + size(id), 0);
  const height = Math.max(0, ...columns.map(tall));
  const all = new Map<string, Place>();
  columns.forEach((column, across) => {
    let y = (height - tall(column)) / 2;
    for (const id of column) {
      all.set(id, { x: across * (NODE.width + GAP.x), y });
      y += size(id);
    }
  });
  const places = new Map([...all].filter(([id]) => !id.startsWith(PASSING)));
  const ways = new Map([...gaps].map(([pair, ids]) => [pair, ids.flatMap((id) => all.get(id) ?? [])]));
  const quiet = ids.filter((id) => !places.has(id));
  const across = Math.max(columns.length, Math.min(QUIET_COLUMNS, quiet.length));
  const quietAt = quiet.length === 0 ? null : height + (height === 0 ? 0 : GAP.part);
  const step = NODE.width + (columns.length >= across ? GAP.x : GAP.y);
  quiet.forEach((id, index) => {
    places.set(id, { x: (index % across) * step, y: (quietAt ?? 0) + 22 + Math.floor(index / across) * (NODE.height + GAP.y) });
  });
  const boxes = [...places.values()];
  const passing = [...ways.values()].flat();
  return {
    places,
    ways,
    width: Math.max(NODE.width, ...boxes.map(({ x }) => x + NODE.width)),
    height: Math.max(NODE.height, ...boxes.map(({ y }) => y + NODE.height), ...passing.map(({ y }) => y + PASSING_HEIGHT)),
    quietAt,
  };
}

/** Each node one layer behind the last of its senders; where they go in a circle, the one that begins it stays first. */
function layered(ids: string[], pairs: [string, string][]): string[][] {
  const targets = new Map<string, string[]>(ids.map((id) => [id, []]));
  const received = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const [source, target] of pairs) {
    targets.get(source)?.push(target);
    received.set(target, (received.get(target) ?? 0) + 1);
  }
  const first = [...ids].sort((a, b) => (received.get(a) ?? 0) - (received.get(b) ?? 0) || (a < b ? -1 : 1));
  const done: string[] = [];
  const seen = new Map<string, "open" | "done">();
  const forward: [string, string][] = [];
  const walk = (id: string) => {
    seen.set(id, "open");
    for (const target of targets.get(id) ?? []) {
      if (seen.get(target) === "open") continue;
      forward.push([id, target]);
      if (!seen.has(target)) walk(target);
    }
    seen.set(id, "done");
    done.push(id);
  };
  for (const id of first) if (!seen.has(id)) walk(id);
  const depth = new Map<string, number>();
  for (const id of done.reverse()) {
    const senders = forward.filter(([, target]) => target === id).map(([source]) => depth.get(source) ?? 0);
    depth.set(id, senders.length === 0 ? 0 : Math.max(...senders) + 1);
  }
  const layers: string[][] = [];
  for (const id of ids) (layers[depth.get(id) ?? 0] ??= []).push(id);
  return layers.filter((layer) => layer.length > 0);
}

/** Room in each column that a line passes, so that it does not seem to come from a box behind which it goes on. */
function withGaps(layers: string[][], pairs: [string, string][]) {
  const depth = new Map(layers.flatMap((layer, index) => layer.map((id) => [id, index] as const)));
  const wider = layers.map((layer) => [...layer]);
  const links: [string, string][] = [];
  const gaps = new Map<string, string[]>();
  for (const [source, target] of pairs) {
    let last = source;
    const passed: string[] = [];
    for (let at = (depth.get(source) ?? 0) + 1; at < (depth.get(target) ?? 0); at += 1) {
      const gap = `${PASSING}${String(at)} ${source} ${target}`;
      wider[at]?.push(gap);
      passed.push(gap);
      links.push([last, gap]);
      last = gap;
    }
    links.push([last, target]);
    gaps.set(pairKey(source, target), passed);
  }
  return { layers: wider, links, gaps };
}

export function pairKey(source: string, target: string): string {
  return JSON.stringify([source, target]);
}

/** Within its layer each goes near those it works with, so that fewer lines cross. */
function ordered(layers: string[][], pairs: [string, string][]): string[][] {
  let sorted = layers;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const at = new Map(sorted.flatMap((layer) => layer.map((id, index) => [id, index - layer.length / 2] as const)));
    sorted = sorted.map((layer) => {
      const weight = new Map(layer.map((id) => [id, mean(neighbours(id, pairs).map((near) => at.get(near) ?? 0), at.get(id) ?? 0)]));
      return [...layer].sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || (a < b ? -1 : 1));
    });
  }
  return sorted;
}

function neighbours(id: string, pairs: [string, string][]): string[] {
  return pairs.flatMap(([source, target]) => (source === id ? [target] : target === id ? [source] : []));
}

function mean(values: number[], otherwise: number): number {
  return values.length === 0 ? otherwise : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A layer that is too tall, as columns beside each other. */
function cut(layer: string[]): string[][] {
  const parts = Math.ceil(layer.length / TALLEST);
  const each = Math.ceil(layer.length / parts);
  return Array.from({ length: parts }, (_, part) => layer.slice(part * each, (part + 1) * each));
}

/** The line of an edge: ahead from side to side, back around below. */
export function lineOf(from: Place, to: Place, way: Place[] = []): string {
  if (to.x > from.x) {
    const stops = [...way.map(({ x, y }) => ({ x, y: y + PASSING_HEIGHT / 2 })), { x: to.x, y: to.y + NODE.height / 2 }];
    let x = from.x + NODE.width;
    let y = from.y + NODE.height / 2;
    let path = `M${String(x)} ${String(y)}`;
    for (const stop of stops) {
      const bend = Math.max(24, (stop.x - x) / 2);
      path += ` C${String(x + bend)} ${String(y)} ${String(stop.x - bend)} ${String(stop.y)} ${String(stop.x)} ${String(stop.y)}`;
      x = stop.x;
      y = stop.y;
      if (stop !== stops.at(-1)) path += ` H${String((x += NODE.width))}`;
    }
    return path;
  }
  const x = from.x + NODE.width / 2;
  const into = to.x + NODE.width / 2 - 14;
  const low = Math.max(from.y, to.y) + NODE.height + 26 + Math.min(60, Math.abs(from.x - to.x) / 12);
  const start = `M${String(x)} ${String(from.y + NODE.height)}`;
  return `${start} C${String(x)} ${String(low)} ${String(into)} ${String(low)} ${String(into)} ${String(to.y + NODE.height)}`;
}
