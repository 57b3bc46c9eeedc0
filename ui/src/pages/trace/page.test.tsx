import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Trace } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { detail, handling, letter, node, trace } from "~/test/samples";
import { visit } from "~/test/visit";

import { linesOf } from "./lines";
import { scaleOf } from "./scale";

const TRACES = "GET /api/v1/w/default/traces";
const at = (seconds: number) => new Date(Date.UTC(2026, 10, 22, 11, 20) + seconds * 1000).toISOString();

/** An order whose invoice fails twice, dies, is redriven after an hour, and then is written. */
function order(): Trace {
  const invoice = node({
    id: "m-2",
    kind: "task",
    type: "task.invoices",
    sent_at: at(0.1),
    copies: [],
    handlings: [
      handling({ started_at: at(0.2), outcome: "failed", error: "paper jam" }),
      handling({ started_at: at(1), attempt: 2, outcome: "dead", error: "printer on fire" }),
      handling({ started_at: at(3600), redrive_of: "dl-1" }),
    ],
    dead_letters: [
      {
        id: "dl-1", lane: "queue", reader: "invoices", reason: "attempts_exhausted", error: "printer on fire",
        died_at: at(1.1), redriven_at: at(3599.9), redriven_by: "ops",
      },
    ],
    children: [node({ id: "m-3", type: "invoice.written", sent_at: at(3600.1), waiting: [{ group: "ledger", state: "waiting" }] })],
  });
  return trace({ messages: 3, roots: [node({ children: [invoice] })] });
}

function hubWith(answer: unknown): FakeHub {
  return new FakeHub().empty().on(TRACES, () => answer);
}

test("a message's lives are told in order, with what it caused below it", async () => {
  const hub = hubWith(order());
  visit("/trace/m-1");
  const lines = await screen.findAllByTestId("trace-line");
  expect(lines.map((line) => line.getAttribute("aria-label"))).toEqual([
    "event order.created, shop: sent",
    "task task.invoices, shop: sent",
    "queue invoices, clerk 1.2.0: failed in 50 ms, paper jam",
    "queue invoices #2, clerk 1.2.0: dead in 50 ms, printer on fire",
    "dead letter of queue invoices, invoices: attempts_exhausted, printer on fire",
    "redriven to queue invoices, ops: redriven",
    "queue invoices, redriven, clerk 1.2.0: handled in 50 ms",
    "event invoice.written, shop: sent",
    "waits for group ledger, ledger: waiting",
  ]);
  expect(screen.getByTestId("trace-summary")).toHaveTextContent("3 messages60.0 min2 failed attempts1 dead letter1 group not done yet");
  expect(new URL(hub.asked(TRACES)[0]?.url ?? "").searchParams.get("message_id")).toBe("m-1");
});

test("the lines are walked with the arrows, and each is told in full", async () => {
  hubWith(order());
  const user = visit("/trace/m-1");
  const lines = await screen.findAllByTestId("trace-line");
  lines[0]?.focus();
  await user.keyboard("{ArrowDown}{ArrowDown}{ArrowDown}");
  expect(lines[3]).toHaveFocus();
  expect(screen.getByTestId("line-facts")).toHaveTextContent("printer on fire");
  await user.keyboard("{ArrowDown}");
  expect(screen.getByRole("link", { name: "Open the dead letter" })).toHaveAttribute("href", "/dead-letters/dl-1?show=all");
  await user.hover(lines[0] as HTMLElement);
  expect(screen.getByRole("link", { name: "Open the event" })).toHaveAttribute("href", "/events/7");
});

test("the same is there as a table", async () => {
  hubWith(order());
  const user = visit("/trace/m-1");
  await user.click(await screen.findByRole("radio", { name: "Table" }));
  const rows = await screen.findAllByTestId("trace-row");
  expect(rows).toHaveLength(9);
  expect(rows[2]).toHaveTextContent("queue invoicespaper jamclerk 1.2.0failed200 ms50 ms");
  expect(window.location.search).toBe("?view=table");
});

test("what is not whole is said", async () => {
  hubWith(trace({ truncated: true, behind: 1200, ancestors: [node({ id: "m-0", type: "cart.filled" })] }));
  visit("/trace/m-1");
  expect(await screen.findByTestId("truncated")).toHaveTextContent("not all of it");
  expect(screen.getByTestId("trace-summary")).toHaveTextContent("1,200 entries to read yet");
  expect(screen.getByRole("link", { name: "cart.filled" })).toHaveAttribute("href", "/trace/m-0");
});

test("an unknown id is an empty page from which to search on", async () => {
  const hub = hubWith(problem(404, "trace.unknown", "Nothing is on record about this message", { remedy: "Check the id." }));
  const user = visit("/trace/nope");
  expect(await screen.findByText("Nothing is on record about it")).toBeVisible();
  expect(screen.getByText("Check the id.")).toBeVisible();
  await user.click(screen.getByRole("combobox", { name: "Find by" }));
  await user.click(await screen.findByRole("option", { name: "Correlation id", hidden: true }));
  const box = screen.getByLabelText("Id to look for");
  await user.clear(box);
  await user.type(box, "c-1{Enter}");
  await waitFor(() => {
    expect(new URL(hub.asked(TRACES).at(-1)?.url ?? "").searchParams.get("correlation_id")).toBe("c-1");
  });
  expect(window.location.pathname + window.location.search).toBe("/trace/c-1?by=correlation");
});

test("a dead letter leads to its trace", async () => {
  hubWith(order())
    .on("GET /api/v1/w/default/dead-letters/dl-1", () => detail())
    .on("GET /api/v1/w/default/dead-letters", () => ({ items: [letter()], next: null }));
  visit("/dead-letters/dl-1");
  expect(await screen.findByRole("link", { name: "trace" })).toHaveAttribute("href", "/trace/m-1");
});

test("an hour in which nothing happened is folded, and all else stays to scale", () => {
  const { at: place, folds, total, ticks } = scaleOf(linesOf(order()));
  const moment = (seconds: number) => place(Date.parse(at(seconds)));
  expect(total).toBe(3_600_100);
  expect(folds).toHaveLength(1);
  expect(folds[0]?.ms).toBeGreaterThan(3_590_000);
  expect(moment(0)).toBe(0);
  expect(moment(3600.1)).toBeCloseTo(100);
  expect(moment(0.2) - moment(0.1)).toBeCloseTo(moment(3600.1) - moment(3600));
  expect(moment(1) - moment(0)).toBeGreaterThan(50);
  expect([...ticks].sort((a, b) => a.at - b.at)).toEqual(ticks);
});
