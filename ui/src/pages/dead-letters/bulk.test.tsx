import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Job } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { job, letter } from "~/test/samples";
import { visit } from "~/test/visit";

const LIST = "GET /api/v1/w/default/dead-letters";
const SUMMARY = "GET /api/v1/w/default/dead-letters/summary";
const REDRIVE = "POST /api/v1/w/default/dead-letters/redrive";
const DISCARD = "POST /api/v1/w/default/dead-letters/discard";
const JOBS = "GET /api/v1/w/default/jobs";

const counts = (waiting: number) => ({
  total: waiting, waiting, redriven: 0, discarded: 0, expired: 0, readers: [], reasons: [], types: [],
});

/** Two letters wait; the hub's jobs of either kind are these. */
function hubWithTwo(jobs: () => Job[] = () => []): FakeHub {
  return new FakeHub()
    .empty()
    .on(LIST, () => ({ items: [letter(), letter({ id: "dl-2", type: "task.two" })], next: null }))
    .on(SUMMARY, () => counts(2))
    .on(JOBS, (_, url) => ({ items: jobs().filter(({ kind }) => kind === url.searchParams.get("kind")), next: null }));
}

/** Answers a dry run with the count, and an order with the job. */
const works = (count: number, ordered: () => Job) => async (request: Request) => {
  const { dry_run: dry } = (await request.json()) as { dry_run?: boolean };
  return { count, sample: [letter()], up_to: 77, job: dry === true ? null : ordered() };
};

test("all that match are counted, then redriven in a job that shows how far it is", async () => {
  let jobs: Job[] = [];
  const hub = hubWithTwo(() => jobs).on(REDRIVE, works(1203, () => (jobs = [job({ total: 1203, done: 300 })])[0] ?? job()));
  const user = visit("/dead-letters?reason=rejected&error=paper");
  await user.click(await screen.findByRole("button", { name: "Redrive all…" }));
  expect(await screen.findByText(/1,203 letters wait and match/)).toBeVisible();
  await user.type(screen.getByRole("textbox", { name: "At most" }), "50");
  await user.type(screen.getByRole("combobox", { name: "Send to" }), "manual");
  await user.click(screen.getByRole("button", { name: "Redrive 1,203 letters" }));
  const strip = await screen.findByTestId("job-strip");
  expect(strip).toHaveTextContent("300 of 1,203");
  expect(within(strip).getByRole("progressbar")).toHaveAttribute("aria-valuenow", "300");
  expect(within(strip).getByRole("button", { name: "Pause" })).toBeEnabled();
  const [dry, order] = await Promise.all(hub.asked(REDRIVE).map((request) => request.json()));
  expect(dry).toEqual({ filter: { reason: "rejected", error: "paper" }, dry_run: true });
  expect(order).toEqual({
    filter: { reason: "rejected", error: "paper" }, queue: "manual", rate_per_s: 50, expected_at_most: 1203, up_to: 77,
  });
});

test("picked letters are discarded with a reason, and only these", async () => {
  const hub = hubWithTwo().on(DISCARD, works(1, () => job()));
  const user = visit("/dead-letters");
  await user.click(await screen.findByRole("checkbox", { name: "Pick task.two of invoices" }));
  expect(window.location.pathname, "picking opens nothing").toBe("/dead-letters");
  expect(screen.getByText("1 picked")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Discard 1…" }));
  const button = await screen.findByRole("button", { name: "Discard 1 letter" });
  expect(button).toBeDisabled();
  await user.type(screen.getByRole("textbox", { name: "Reason" }), "test data");
  await user.click(button);
  await waitFor(() => {
    expect(screen.queryByTestId("bulk")).toBeNull();
  });
  expect(await hub.asked(DISCARD)[1]?.json()).toEqual({
    filter: { ids: ["dl-2"] }, reason: "test data", expected_at_most: 1, up_to: 77,
  });
});

test("what is picked is forgotten when something else is looked for", async () => {
  hubWithTwo();
  const user = visit("/dead-letters");
  await user.click(await screen.findByRole("checkbox", { name: "Pick all shown" }));
  expect(screen.getByText("2 picked")).toBeVisible();
  await user.click(screen.getByRole("radio", { name: "All" }));
  expect(await screen.findByText("2 letters, 2 waiting")).toBeVisible();
});

test("a job that was under way already is shown, and what it could not send", async () => {
  let state: Job["state"] = "running";
  hubWithTwo(() => [job({ state, finished_at: null, ...(state === "running" ? {} : ended) })]);
  const ended = {
    finished_at: "2026-11-22T11:30:00Z", done: 4999, failed: 1, result: { failures: [{ id: "dl-9", error: "No such reader" }] },
  };
  const user = visit("/dead-letters");
  expect(await screen.findByTestId("strip-state")).toHaveTextContent("running");
  state = "completed";
  await waitFor(
    () => {
      expect(screen.getByTestId("strip-state")).toHaveTextContent("completed");
    },
    { timeout: 4000 },
  );
  expect(screen.getByRole("list", { name: "Not done" })).toHaveTextContent("dl-9 No such reader");
  await user.click(within(screen.getByTestId("job-strip")).getByRole("button", { name: "Dismiss" }));
  expect(screen.queryByTestId("job-strip")).toBeNull();
});

test("a count that fails says why; nothing is ordered", async () => {
  const hub = hubWithTwo().on(REDRIVE, () => problem(503, "bus.unavailable", "The broker does not answer"));
  const user = visit("/dead-letters");
  await user.click(await screen.findByRole("button", { name: "Redrive all…" }));
  expect(await screen.findByTestId("problem", undefined, { timeout: 6000 })).toHaveTextContent("The broker does not answer");
  await user.click(screen.getByRole("button", { name: "Close" }));
  expect(screen.queryByTestId("bulk")).toBeNull();
  for (const request of hub.asked(REDRIVE)) expect(await request.json()).toHaveProperty("dry_run", true);
});

test("without the scopes the buttons say so, and do nothing", async () => {
  const hub = hubWithTwo().on("GET /api/v1/session", () => ({
    principal: "viewer", workspace: "default", scopes: ["dead_letters:read", "jobs:read"],
  }));
  visit("/dead-letters");
  const button = await screen.findByRole("button", { name: "Redrive all…" });
  expect(button).toHaveAttribute("aria-disabled", "true");
  expect(button).toHaveAttribute("title", "Your token lacks the scope dead_letters:redrive");
  fireEvent.click(button);
  expect(hub.asked(REDRIVE)).toHaveLength(0);
});
