import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Schedule } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { visit } from "~/test/visit";
import { schedule, scheduled } from "~/test/work-samples";

const BASE = "/api/v1/w/default";
const ONE = `${BASE}/schedules/morning`;
const WAITING = `${BASE}/scheduled/s-1`;
const TIMES = `GET ${BASE}/cron-times`;

function hubWith(now: () => Schedule): FakeHub {
  return new FakeHub()
    .empty()
    .on(`GET ${BASE}/schedules`, () => ({ items: [now()], next: null }))
    .on(`GET ${ONE}`, now)
    .on(`GET ${ONE}/firings`, () => ({
      items: [
        { schedule: "morning", planned_at: "2026-11-20T05:00:00Z", at: "2026-11-20T05:00:00Z", outcome: "fired", message_id: "cron:1", detail: "" },
        { schedule: "morning", planned_at: "2026-11-19T05:00:00Z", at: "2026-11-19T06:00:00Z", outcome: "missed", message_id: null, detail: "nobody was there" },
      ],
      next: null,
    }))
    .on(`GET ${BASE}/scheduled`, () => ({ items: [scheduled(), scheduled({ id: "s-2", kind: "retry", attempt: 3, target: "slow" })], next: null }))
    .on(`GET ${WAITING}`, () => ({ item: scheduled(), payload: { specversion: "1.0", id: "m-9", data: { later: 1 } } }))
    .on(`GET ${BASE}/queues`, () => ({ items: [], next: null }))
    .on(TIMES, () => ({ next_at: ["2026-11-23T05:00:00Z"] }));
}

test("schedules and what waits are listed; a schedule tells its times and how it fired", async () => {
  hubWith(() => schedule());
  const user = visit("/schedules");
  const row = await screen.findByTestId("schedule-row");
  expect(row).toHaveTextContent("morningto queue reports0 6 * * 1-5 Europe/Berlinqueue reportsrunning");
  const waiting = await screen.findAllByTestId("scheduled-row");
  expect(waiting[0]).toHaveTextContent('reports{"later":1}task');
  expect(waiting[1]).toHaveTextContent("attempt 3");
  await user.click(row);
  expect(window.location.pathname).toBe("/schedules/cron/morning");
  expect(await screen.findByTestId("next-times")).toHaveTextContent("23 Nov 2026, 06:00:00");
  const firings = await screen.findAllByTestId("firing");
  expect(within(firings[0] as HTMLElement).getByRole("link")).toHaveAttribute("href", "/trace/cron%3A1");
  expect(firings[1]).toHaveTextContent("missed");
  expect(firings[1]).toHaveTextContent("nobody was there");
});

test("a schedule is paused, fired by hand, resumed, and removed after a question", async () => {
  let paused = false;
  const now = () => schedule({ paused, ...(paused ? { next_at: [] } : {}) });
  const hub = hubWith(now)
    .on(`POST ${ONE}/pause`, () => ((paused = true), now()))
    .on(`POST ${ONE}/resume`, () => ((paused = false), now()))
    .on(`POST ${ONE}/run`, () => problem(503, "queue.full", "The queue's store is full"))
    .on(`DELETE ${ONE}`, () => {
      hub.on(`GET ${ONE}`, () => problem(404, "schedule.unknown", "There is no such schedule"));
      return {};
    });
  const user = visit("/schedules/cron/morning");
  await user.click(await screen.findByRole("button", { name: "Pause" }));
  await user.click(await screen.findByRole("button", { name: "Resume" }));
  await waitFor(() => {
    expect(screen.getByTestId("schedule-state")).toHaveTextContent("running");
  });
  await user.click(screen.getByRole("button", { name: "Fire now" }));
  expect(await screen.findByTestId("problem")).toHaveTextContent("The queue's store is full");
  await user.click(screen.getByRole("button", { name: "Remove" }));
  expect(hub.asked(`DELETE ${ONE}`)).toHaveLength(0);
  await user.click(screen.getByRole("button", { name: /Remove it, and/ }));
  await waitFor(() => {
    expect(window.location.pathname).toBe("/schedules");
  });
  expect(hub.asked(`DELETE ${ONE}`)).toHaveLength(1);
});

test("the next times are shown before a schedule is declared, and a wrong expression is told at its field", async () => {
  const hub = hubWith(() => schedule())
    .on(TIMES, (_, url) =>
      url.searchParams.get("cron") === "often"
        ? problem(422, "request.invalid", "The request is not valid", { errors: [{ pointer: "query:cron", detail: "not five fields" }] })
        : { next_at: ["2026-11-23T05:00:00Z"] },
    )
    .on(`PUT ${ONE}`, () => problem(404, "queue.unknown", "There is no such queue"));
  const user = visit("/schedules");
  await user.click(await screen.findByRole("button", { name: "Declare a schedule" }));
  await user.type(screen.getByLabelText(/^Name/), "morning");
  await user.type(screen.getByLabelText(/^Expression/), "often");
  expect(await screen.findByText("not five fields")).toBeVisible();
  fireEvent.change(screen.getByLabelText(/^Expression/), { target: { value: "0 6 * * 1-5" } });
  fireEvent.change(screen.getByLabelText("Time zone", { selector: "input" }), { target: { value: "Europe/Berlin" } });
  await waitFor(() => {
    expect(screen.getByTestId("next-times")).toHaveTextContent("23 Nov 2026, 06:00:00");
  });
  expect(hub.asked(`PUT ${ONE}`)).toHaveLength(0);
  fireEvent.change(screen.getByLabelText(/^Queue \*/, { selector: "input" }), { target: { value: "reports" } });
  fireEvent.change(screen.getByLabelText("Data"), { target: { value: "{nonsense" } });
  expect(screen.getByText("This is not JSON")).toBeVisible();
  expect(screen.getByRole("button", { name: "Declare" })).toBeDisabled();
  fireEvent.change(screen.getByLabelText("Data"), { target: { value: '{"kind": "daily"}' } });
  await user.click(screen.getByRole("button", { name: "Declare" }));
  expect(await screen.findByText("There is no such queue")).toBeVisible();
  hub.on(`PUT ${ONE}`, () => schedule());
  await user.click(screen.getByRole("button", { name: "Declare" }));
  expect(await screen.findByTestId("schedule-detail")).toBeVisible();
  expect(await hub.asked(`PUT ${ONE}`)[1]?.json()).toMatchObject({
    cron: "0 6 * * 1-5", timezone: "Europe/Berlin", queue: "reports", event: null, data: { kind: "daily" }, misfire: "skip",
  });
});

test("a message that waits is looked at, let go, or taken back after a question", async () => {
  const hub = hubWith(() => schedule())
    .on(`POST ${WAITING}/run`, () => problem(404, "scheduled.unknown", "No message with this id waits for its time"))
    .on(`DELETE ${WAITING}`, () => ({}));
  const user = visit("/schedules/waiting/s-1");
  const panel = within(await screen.findByTestId("scheduled-detail"));
  expect(await panel.findByLabelText("payload")).toHaveTextContent('{ "later": 1 }');
  await user.click(panel.getByRole("button", { name: "Let it go now" }));
  expect(await screen.findByTestId("problem")).toHaveTextContent("No message with this id");
  await user.click(panel.getByRole("button", { name: "Cancel" }));
  await user.click(panel.getByRole("button", { name: /Take it back/ }));
  await waitFor(() => {
    expect(window.location.pathname).toBe("/schedules");
  });
  expect(hub.asked(`DELETE ${WAITING}`)).toHaveLength(1);
});

test("who may only look is told why nothing can be changed", async () => {
  hubWith(() => schedule()).on("GET /api/v1/session", () => ({ principal: "reader", workspace: "*", scopes: ["schedules:read"] }));
  visit("/schedules/cron/morning");
  const pause = await screen.findByRole("button", { name: "Pause" });
  expect(pause).toHaveAttribute("title", "Your token lacks the scope schedules:write");
  expect(screen.getByRole("button", { name: "Declare a schedule" })).toHaveAttribute("aria-disabled", "true");
});
