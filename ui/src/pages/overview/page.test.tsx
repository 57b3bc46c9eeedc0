import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { stream } from "~/test/event-source";
import { FakeHub } from "~/test/hub";
import { agent, overview } from "~/test/samples";
import { visit } from "~/test/visit";

const LIVE = "/api/v1/w/default/overview/live";
const TAIL = "/api/v1/w/default/events/tail";

async function watch() {
  const user = visit("/");
  await screen.findByTestId("overview");
  stream(LIVE).send("overview", overview());
  return user;
}

function event(seq: number) {
  const at = "2026-11-22T11:20:00Z";
  return { seq, sender: "admin", stored_at: at, event: { type: "order.created", subject: `order/${String(seq)}` } };
}

test("numbers follow the stream", async () => {
  new FakeHub().empty();
  await watch();
  expect(screen.getByTestId("stat-agents-up")).toHaveTextContent("2/ 3");
  expect(screen.getByTestId("stat-rate")).toHaveTextContent("30/s");
  expect(screen.getByTestId("stat-depth")).toHaveTextContent("8");
  expect(screen.getByTestId("stat-dead")).toHaveTextContent("4");
  expect(screen.getByTestId("events-total")).toHaveAttribute("data-value", "1200");
  stream(LIVE).send("overview", overview({ events_total: 1300, dead_waiting: 9 }));
  expect(screen.getByTestId("events-total")).toHaveAttribute("data-value", "1300");
  expect(screen.getByTestId("stat-dead")).toHaveTextContent("9");
});

test("a lost hub is told, and found again without a reload", async () => {
  new FakeHub().empty();
  await watch();
  expect(screen.getByTestId("connection-state")).toHaveAttribute("data-state", "live");
  const lost = stream(LIVE);
  lost.break();
  expect(screen.getByTestId("connection-state")).toHaveAttribute("data-state", "reconnecting");
  expect(screen.getByTestId("banner-reconnecting")).toBeVisible();
  expect(screen.getByTestId("events-total")).toHaveAttribute("data-value", "1200");
  await waitFor(() => {
    expect(stream(LIVE)).not.toBe(lost);
  });
  stream(LIVE).send("overview", overview({ events_total: 1500 }));
  expect(screen.getByTestId("connection-state")).toHaveAttribute("data-state", "live");
  expect(screen.queryByTestId("banner-reconnecting")).toBeNull();
  expect(screen.getByTestId("events-total")).toHaveAttribute("data-value", "1500");
});

test("a broker that is away is a banner, and no rate is claimed", async () => {
  new FakeHub().empty();
  await watch();
  stream(LIVE).send("overview", overview({ bus_up: false }));
  expect(screen.getByTestId("banner-bus-down")).toHaveTextContent("The broker is away");
  expect(screen.getByTestId("stat-rate")).toHaveTextContent("0/s");
});

test("agents are listed with the sums of their instances", async () => {
  new FakeHub().empty().on("GET /api/v1/w/default/agents", () => ({ items: [agent], next: null }));
  await watch();
  const row = await screen.findByTestId("agent-row");
  for (const text of ["summarizer", "healthy", "1.2.0", "summarize", "42", "4"]) {
    expect(within(row).getByText(text)).toBeVisible();
  }
});

test("a reader's row opens its dead letters, from the keyboard", async () => {
  const hub = new FakeHub().empty();
  const user = await watch();
  screen.getByTestId("reader-row").focus();
  await user.keyboard("{Enter}");
  await waitFor(() => {
    const query = new URL(hub.asked("GET /api/v1/w/default/dead-letters").at(-1)?.url ?? "").searchParams;
    expect(Object.fromEntries(query)).toMatchObject({ lane: "queue", reader: "invoices", state: "waiting" });
  });
});

test("the feed shows what comes, and stands still while paused", async () => {
  new FakeHub().empty();
  const user = await watch();
  stream(TAIL).send("event", event(1));
  expect(await screen.findByText("order/1")).toBeVisible();
  await user.click(screen.getByTestId("feed-pause"));
  stream(TAIL).send("event", event(2));
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(screen.queryByText("order/2")).toBeNull();
  await user.click(screen.getByTestId("feed-pause"));
  expect(await screen.findByText("order/2")).toBeVisible();
});

test("the groups tell how far behind they are, the latest first", async () => {
  const group = (name: string, more: object) => ({
    name, types: ["order.*"], waiting: 0, in_flight: 0, oldest_unhandled_s: null, oldest_unhandled_at: null,
    rate_per_s: null, workers_waiting: 1, ...more,
  });
  new FakeHub().empty().on("GET /api/v1/w/default/groups", () => ({
    items: [group("audit", {}), group("billing", { waiting: 1200, in_flight: 5, oldest_unhandled_s: 90, rate_per_s: 12.5, workers_waiting: 0 })],
    next: null,
  }));
  visit("/");
  const rows = await screen.findAllByTestId("group-row");
  expect(rows[0]).toHaveTextContent("billingorder.* · no worker asks for more1,20051.5 min13/s");
  expect(rows[1]).toHaveTextContent("auditorder.*00noneunknown");
});
