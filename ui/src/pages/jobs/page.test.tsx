import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { FakeHub, problem } from "~/test/hub";
import { job } from "~/test/samples";
import { visit } from "~/test/visit";

const JOBS = "GET /api/v1/w/default/jobs";
const ONE = "GET /api/v1/w/default/jobs/job-1";

test("jobs are listed with how far they are", async () => {
  new FakeHub().empty().on(JOBS, () => ({ items: [job({ done: 1200, total: 5000, failed: 3 })], next: null }));
  visit("/jobs");
  const row = await screen.findByTestId("job-row");
  expect(row).toHaveTextContent("Redrive 5,000 dead letters");
  expect(row).toHaveTextContent("1,200 of 5,000, 3 failed");
  expect(within(row).getByRole("progressbar")).toHaveAttribute("aria-valuenow", "1203");
});

test("a running job can be paused, and a paused one goes on", async () => {
  let state: "running" | "paused" = "running";
  const hub = new FakeHub()
    .empty()
    .on(JOBS, () => ({ items: [job({ state })], next: null }))
    .on(ONE, () => job({ state }))
    .on("POST /api/v1/w/default/jobs/job-1/pause", () => job({ state: (state = "paused") }))
    .on("POST /api/v1/w/default/jobs/job-1/resume", () => job({ state: (state = "running") }));
  const user = visit("/jobs/job-1");
  await user.click(await screen.findByRole("button", { name: "Pause" }));
  await waitFor(() => {
    expect(screen.getByTestId("job-state")).toHaveTextContent("paused");
  });
  await user.click(screen.getByRole("button", { name: "Resume" }));
  await waitFor(() => {
    expect(screen.getByTestId("job-state")).toHaveTextContent("running");
  });
  expect(hub.asked("POST /api/v1/w/default/jobs/job-1/pause")).toHaveLength(1);
});

test("cancelling asks once more, and a refusal is told", async () => {
  const hub = new FakeHub()
    .empty()
    .on(JOBS, () => ({ items: [job()], next: null }))
    .on(ONE, () => job())
    .on("POST /api/v1/w/default/jobs/job-1/cancel", () => problem(409, "job.wrong_state", "The job has ended"));
  const user = visit("/jobs/job-1");
  await user.click(await screen.findByRole("button", { name: "Cancel" }));
  expect(hub.asked("POST /api/v1/w/default/jobs/job-1/cancel")).toHaveLength(0);
  await user.click(screen.getByRole("button", { name: /what is done stays done/ }));
  expect(await screen.findByText(/The job has ended/)).toBeVisible();
});

test("the pace can be set", async () => {
  const hub = new FakeHub()
    .empty()
    .on(JOBS, () => ({ items: [job()], next: null }))
    .on(ONE, () => job())
    .on("POST /api/v1/w/default/jobs/job-1/rate", () => job({ rate_per_s: 50 }));
  const user = visit("/jobs/job-1");
  await user.type(await screen.findByLabelText("Items a second"), "50");
  await user.click(screen.getByRole("button", { name: "Set pace" }));
  await waitFor(() => {
    expect(hub.asked("POST /api/v1/w/default/jobs/job-1/rate")).toHaveLength(1);
  });
  expect(await hub.asked("POST /api/v1/w/default/jobs/job-1/rate")[0]?.json()).toEqual({ rate_per_s: 50 });
});
