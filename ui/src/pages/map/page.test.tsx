import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { TrafficMap } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { visit } from "~/test/visit";

const MAP = "GET /api/v1/w/default/map";
const AT = "2026-11-22T11:20:00.000000Z";

const edge = (more: Partial<TrafficMap["edges"][number]>): TrafficMap["edges"][number] => ({
  source: "agent:shop", target: "agent:baker", kind: "call", names: ["bake"], count: 120, failed: 0, rate: 2, error_rate: 0,
  p50_ms: 3.2, p95_ms: 41, last_at: AT, ...more,
});

const traffic = (more: Partial<TrafficMap> = {}): TrafficMap => ({
  window_s: 300, at: AT, untold: 0, quiet: 0, behind: 0,
  nodes: [
    { id: "agent:shop", kind: "agent", name: "shop", state: "healthy" },
    { id: "agent:baker", kind: "agent", name: "baker", state: "degraded" },
    { id: "queue:orders", kind: "queue", name: "orders" },
    { id: "principal:admin", kind: "principal", name: "admin" },
  ],
  edges: [edge({}), edge({ target: "queue:orders", kind: "queue", names: ["order"], count: 5, failed: 3, error_rate: 0.6 })],
  ...more,
});

test("who works with whom is drawn, and told in a table, each leading to its page", async () => {
  new FakeHub().empty().on(MAP, () => traffic({ quiet: 7, untold: 3 }));
  const user = visit("/map");
  const drawn = await screen.findByRole("group", { name: "Map of agents" });
  expect(within(drawn).getByRole("link", { name: "agent baker, degraded" })).toHaveAttribute("href", "/agents/baker");
  expect(within(drawn).getByRole("link", { name: "queue orders" })).toHaveAttribute("href", "/queues/orders");
  expect(screen.getAllByTestId("map-edge").map((line) => line.dataset.tone)).toEqual(["ok", "danger"]);
  const [busiest, failing] = screen.getAllByTestId("traffic-row");
  expect(busiest).toHaveTextContent("shop calls baker");
  expect(busiest).toHaveTextContent("41 ms");
  expect(failing).toHaveTextContent("60 %");
  expect(screen.getByText(/7 more agents without traffic/)).toHaveTextContent("3 handled without a line here");
  await user.click(within(drawn).getByRole("link", { name: "agent shop, healthy" }));
  await waitFor(() => {
    expect(window.location.pathname).toBe("/agents/shop");
  });
});

test("it is narrowed by name and kind, and looks back as far as asked", async () => {
  const hub = new FakeHub().empty().on(MAP, () => traffic());
  const user = visit("/map?kind=queue");
  expect(await screen.findAllByTestId("traffic-row")).toHaveLength(1);
  expect(screen.getAllByTestId("map-node").map((node) => node.dataset.id)).toEqual(["agent:shop", "queue:orders"]);
  await user.type(screen.getByRole("textbox", { name: "Search the map" }), "nobody{Enter}");
  expect(await screen.findByText("Nothing on the map matches")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Show all of it" }));
  expect(await screen.findAllByTestId("map-node")).toHaveLength(4);
  await user.click(screen.getByRole("radio", { name: "1 min" }));
  await waitFor(() => {
    expect(new URL(hub.asked(MAP).at(-1)?.url ?? "").searchParams.get("window_s")).toBe("60");
  });
});

test("an empty map says what to do", async () => {
  new FakeHub().empty().on(MAP, () => traffic({ nodes: [], edges: [] }));
  visit("/map");
  expect(await screen.findByText("There is nobody here yet")).toBeVisible();
});

test("who may not look is told what is lacking", async () => {
  new FakeHub().empty().on(MAP, () => problem(403, "access.denied", "You may not", { remedy: "Ask for insights:read." }));
  visit("/map");
  expect(await screen.findByTestId("problem")).toHaveTextContent("Ask for insights:read.");
});
