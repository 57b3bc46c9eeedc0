import { expect, test } from "vitest";

import type { MapEdge, MapNode } from "~/api/resources";

import { NODE, layout, lineOf } from "./layout";

const node = (name: string): MapNode => ({ id: `agent:${name}`, kind: "agent", name });

const edge = (source: string, target: string): MapEdge => ({
  source: `agent:${source}`, target: `agent:${target}`, kind: "call", names: [], count: 1, failed: 0, rate: 1, error_rate: 0,
  p50_ms: 1, p95_ms: 1, last_at: "",
});

const at = (plan: ReturnType<typeof layout>, name: string) => plan.places.get(`agent:${name}`) ?? { x: NaN, y: NaN };

test("senders stand left of receivers, and those without traffic below", () => {
  const plan = layout(["a", "b", "c", "idle"].map(node), [edge("a", "b"), edge("b", "c"), edge("a", "c")]);
  expect(at(plan, "a").x).toBeLessThan(at(plan, "b").x);
  expect(at(plan, "b").x).toBeLessThan(at(plan, "c").x);
  expect(at(plan, "idle").y).toBeGreaterThan(plan.quietAt ?? Infinity);
});

test("the same map is the same picture, in whatever order it comes", () => {
  const names = Array.from({ length: 30 }, (_, index) => `n${String(index)}`);
  const edges = names.slice(1).map((name, index) => edge(names[Math.floor(index / 3)] ?? "n0", name));
  const one = layout(names.map(node), edges);
  const other = layout([...names].reverse().map(node), [...edges].reverse().map((each) => ({ ...each, rate: 99 })));
  expect(Object.fromEntries(other.places)).toEqual(Object.fromEntries(one.places));
});

test("a circle, and whoever calls itself, are drawn", () => {
  const plan = layout(["a", "b"].map(node), [edge("a", "b"), edge("b", "a"), edge("a", "a")]);
  expect(at(plan, "a").x).toBeLessThan(at(plan, "b").x);
  for (const [from, to] of [["a", "b"], ["b", "a"], ["a", "a"]] as const) {
    expect(lineOf(at(plan, from), at(plan, to))).not.toContain("NaN");
  }
});

test("a line that passes below everything else is inside", () => {
  const plan = layout(["a", "b", "c"].map(node), [edge("a", "b"), edge("b", "c"), edge("a", "c")]);
  const passing = [...plan.ways.values()].flat();
  const lowest = Math.max(...passing.map(({ y }) => y));
  expect(passing).toHaveLength(1);
  expect(plan.height).toBeGreaterThan(lowest);
});

test("200 agents fit: nothing lies on anything else, and no column is endless", () => {
  const names = Array.from({ length: 200 }, (_, index) => `agent-${String(index)}`);
  const edges = names.slice(0, 120).map((name, index) => edge(names[index % 7] ?? name, name));
  const plan = layout(names.map(node), edges);
  const places = [...plan.places.values()];
  expect(places).toHaveLength(200);
  expect(new Set(places.map(({ x, y }) => `${String(x)} ${String(y)}`)).size).toBe(200);
  for (const one of places) {
    for (const other of places) {
      if (one === other) continue;
      expect(Math.abs(one.x - other.x) >= NODE.width || Math.abs(one.y - other.y) >= NODE.height).toBe(true);
    }
  }
  expect(plan.height).toBeLessThan(2500);
});
