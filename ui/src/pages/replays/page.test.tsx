import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Job } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { job } from "~/test/samples";
import { visit } from "~/test/visit";

const JOBS = "GET /api/v1/w/default/jobs";
const ONE = "GET /api/v1/w/default/jobs/job-1";
const START = "POST /api/v1/w/default/replays";

function replay(more: Partial<Job> = {}, params: Record<string, unknown> = {}): Job {
  return job({
    kind: "events.replay", title: "Replay order.* to billing", params: { target: "group", group: "billing", types: ["order.*"], ...params }, ...more,
  });
}

function hubWith(one: () => Job): FakeHub {
  return new FakeHub()
    .empty()
    .on(JOBS, () => ({ items: [one()], next: null }))
    .on(ONE, one)
    .on("GET /api/v1/w/default/groups", () => ({ items: [{ name: "billing" }, { name: "ledger" }], next: null }))
    .on(START, one);
}

async function asked(hub: FakeHub): Promise<unknown> {
  return hub.asked(START).at(-1)?.json();
}

test("replays are listed with progress, state and pace; one can be paused", async () => {
  let state: Job["state"] = "running";
  const hub = hubWith(() => replay({ state, rate_per_s: 200, done: 250, total: 1000 })).on(
    "POST /api/v1/w/default/jobs/job-1/pause",
    () => replay({ state: (state = "paused") }),
  );
  const user = visit("/replays");
  const row = await screen.findByTestId("replay-row");
  expect(row).toHaveTextContent("200 a second");
  expect(row).toHaveTextContent("250 of 1,000");
  expect(new URL(hub.asked(JOBS)[0]?.url ?? "").searchParams.get("kind")).toBe("events.replay");
  await user.click(row);
  await user.click(await screen.findByRole("button", { name: "Pause" }));
  await waitFor(() => {
    expect(screen.getByTestId("replay-state")).toHaveTextContent("paused");
  });
});

test("what the explorer shows is played again to a group, at a rate", async () => {
  const hub = hubWith(() => replay());
  const user = visit("/events?type=order.*&subject=order-1&correlation=c-1");
  await user.click(await screen.findByRole("button", { name: "Replay these" }));
  expect(await screen.findByRole("textbox", { name: "Subject" })).toHaveValue("order-1");
  expect(await screen.findByRole("button", { name: "Start" })).toBeDisabled();
  await user.click(screen.getByRole("combobox", { name: "Group" }));
  await user.click(await screen.findByRole("option", { name: "ledger" }));
  await user.click(screen.getByRole("radio", { name: "At most" }));
  await user.click(screen.getByRole("button", { name: "Start" }));
  expect(await screen.findByTestId("replay-detail")).toBeVisible();
  expect(await asked(hub)).toEqual({
    types: ["order.*"], subject: "order-1", correlation_id: "c-1", target: "group", group: "ledger", rate_per_s: 100,
  });
});

test("what a replay cannot be chosen by is not left out without a word", async () => {
  hubWith(() => replay());
  visit("/events?sender=shop");
  expect(await screen.findByRole("button", { name: "Replay these" })).toHaveAttribute("aria-disabled", "true");
});

test("a new group follows, unless the past is narrowed", async () => {
  const hub = hubWith(() => replay());
  const user = visit("/replays?new");
  await user.click(await screen.findByRole("radio", { name: "A new group" }));
  await user.type(screen.getByRole("textbox", { name: /Name of the new group/ }), "analytics");
  await user.click(screen.getByRole("switch", { name: /Goes on/ }));
  await user.type(screen.getByRole("textbox", { name: "Subject" }), "x");
  expect(screen.getByRole("switch", { name: /Goes on/ })).toBeDisabled();
  await user.clear(screen.getByRole("textbox", { name: "Subject" }));
  await user.click(screen.getByRole("radio", { name: "As it was" }));
  await user.click(screen.getByRole("button", { name: "Start" }));
  await screen.findByTestId("replay-detail");
  expect(await asked(hub)).toEqual({ target: "new_group", group: "analytics", follow: true, speed: 1 });
});

test("a file is made of a part by time and place, and downloaded", async () => {
  const done = () => replay({ state: "completed", result: { size_bytes: 2048 } }, { target: "file" });
  const hub = hubWith(done);
  const user = visit("/replays?new");
  await user.click(await screen.findByRole("radio", { name: "A file" }));
  fireEvent.change(screen.getByLabelText("Stored since"), { target: { value: "2026-11-22T10:00:00" } });
  await user.type(screen.getByRole("textbox", { name: "After sequence" }), "5");
  await user.type(screen.getByRole("textbox", { name: "Up to sequence" }), "9");
  await user.click(screen.getByRole("button", { name: "Start" }));
  const link = await screen.findByRole("link", { name: "Download (2.0 KiB)" });
  expect(link).toHaveAttribute("href", "/api/v1/w/default/replays/job-1/file");
  const since = new Date("2026-11-22T10:00:00").toISOString();
  expect(await asked(hub)).toEqual({ target: "file", format: "ndjson.zst", since, after_seq: 5, until_seq: 9 });
});

test("a count comes first, in the same place, and starts nothing", async () => {
  const found = { events: 1234, size_bytes: 4096, types: { "order.created": 1234 }, first: null, last: null, sample: [] };
  const hub = hubWith(() => replay({ state: "completed", result: found }, { target: "dry_run" }));
  const user = visit("/replays?new&type=order.*");
  await user.click(await screen.findByRole("button", { name: "Count first" }));
  const counted = await screen.findByTestId("counted");
  expect(counted).toHaveTextContent("1,234 · 4.0 KiB");
  expect(within(counted).getByText("order.created")).toBeVisible();
  expect(await asked(hub)).toEqual({ types: ["order.*"], target: "dry_run" });
});

test("a refusal is shown whole, and the form keeps what was typed", async () => {
  hubWith(() => replay()).on(START, () => problem(409, "group.exists", "There is such a group already"));
  const user = visit("/replays?new");
  await user.click(await screen.findByRole("radio", { name: "A new group" }));
  const name = screen.getByRole("textbox", { name: /Name of the new group/ });
  await user.type(name, "billing");
  await user.click(screen.getByRole("button", { name: "Start" }));
  expect(await screen.findByTestId("problem")).toHaveTextContent("There is such a group already");
  expect(name).toHaveValue("billing");
});

test("without the scope no replay can be started, and it says why", async () => {
  hubWith(() => replay()).on("GET /api/v1/session", () => ({
    principal: "viewer", workspace: "default", scopes: ["events:read", "jobs:read"],
  }));
  visit("/replays?new");
  const button = await screen.findByRole("button", { name: "Start a replay" });
  expect(button).toHaveAttribute("title", "Your token lacks the scope events:replay");
  expect(screen.queryByRole("form", { name: "Start a replay" })).toBeNull();
});
