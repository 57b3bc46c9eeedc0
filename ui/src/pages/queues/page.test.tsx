import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Queue } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { job, revision } from "~/test/samples";
import { visit } from "~/test/visit";
import { queue, queuedMessage } from "~/test/work-samples";

const BASE = "/api/v1/w/default";
const LIST = `GET ${BASE}/queues`;
const ONE = `${BASE}/queues/invoices`;

/** A hub whose queue `invoices` is what `now` says. */
function hubWith(now: () => Queue): FakeHub {
  return new FakeHub()
    .empty()
    .on(LIST, () => ({ items: [now()], next: null }))
    .on(`GET ${ONE}`, now)
    .on(`GET ${ONE}/peek`, () => ({ items: [queuedMessage(), queuedMessage({ seq: 42, state: "taken" })], next: null }))
    .on(`GET ${ONE}/messages/41`, () => queuedMessage())
    .on(`GET ${ONE}/messages/42`, () => queuedMessage({ seq: 42, state: "taken" }))
    .on(`GET ${ONE}/revisions`, () => ({ items: [{ ...revision(2), body: { ack_wait_s: 30 } }, revision(1)], next: null }))
    .on(`GET ${BASE}/jobs`, () => ({ items: [], next: null }));
}

function signedInWith(hub: FakeHub, ...scopes: string[]): FakeHub {
  return hub.on("GET /api/v1/session", () => ({ principal: "reader", workspace: "*", scopes }));
}

async function bodies(hub: FakeHub, route: string): Promise<unknown[]> {
  return await Promise.all(hub.asked(route).map((request) => request.clone().json() as Promise<unknown>));
}

test("queues are listed with what is in them, and found by name", async () => {
  const hub = hubWith(() => queue()).on(LIST, (_, url) => ({
    items: [
      queue(),
      queue({ name: "lonely", in_flight: 0, workers: 0, workers_waiting: 0, in_per_s: 0, out_per_s: 0, oldest_age_s: null, dead: 7 }),
      queue({ name: "reports", status: { state: "paused", by: "ada", reason: "the printer is on fire" } }),
    ].filter(({ name }) => name.includes(url.searchParams.get("text") ?? "")),
    next: null,
  }));
  const user = visit("/queues");
  const rows = await screen.findAllByTestId("queue-row");
  expect(rows[0]).toHaveTextContent("invoicesrunning1,20032 min12 / 9.5 a second40");
  expect(rows[1]).toHaveTextContent("no worker asks for more");
  expect(within(rows[1] as HTMLElement).getByLabelText("7 dead letters")).toHaveAttribute("href", "/dead-letters?reader=queue%3Alonely");
  expect(rows[2]).toHaveTextContent("reportsthe printer is on firepaused");
  await user.type(screen.getByLabelText("Search queues"), "lone");
  await waitFor(() => {
    expect(screen.getAllByTestId("queue-row")).toHaveLength(1);
  });
  expect(window.location.search).toBe("?text=lone");
  expect(new URL(hub.asked(LIST).at(-1)?.url ?? "").searchParams.get("text")).toBe("lone");
});

test("a queue is paused with its reason, and runs again", async () => {
  let status: Queue["status"] = { state: "active" };
  const hub = hubWith(() => queue({ status }))
    .on(`POST ${ONE}/pause`, () => (status = { state: "paused", by: "admin", reason: "bank is down" }))
    .on(`POST ${ONE}/resume`, () => (status = { state: "active" }));
  const user = visit("/queues/invoices");
  await user.type(await screen.findByPlaceholderText(/^Why/), "bank is down");
  await user.click(screen.getByRole("button", { name: "Pause" }));
  await waitFor(() => {
    expect(screen.getByTestId("queue-state")).toHaveTextContent("paused");
  });
  expect(screen.getByTestId("state-in-words")).toHaveTextContent("Said admin : “bank is down”");
  expect(await bodies(hub, `POST ${ONE}/pause`)).toEqual([{ reason: "bank is down" }]);
  await user.click(screen.getByRole("button", { name: "Resume" }));
  await waitFor(() => {
    expect(screen.getByTestId("queue-state")).toHaveTextContent("running");
  });
});

test("messages are looked at whole; a waiting one is cancelled, a taken one cannot be", async () => {
  const hub = hubWith(() => queue()).on(`POST ${ONE}/messages/41/cancel`, () => {
    hub.on(`GET ${ONE}/peek`, () => ({ items: [], next: null }));
    return { seq: 41, id: "m-41", type: "task.invoices" };
  });
  const user = visit("/queues/invoices");
  const [waiting, taken] = await screen.findAllByTestId("queued-message");
  await user.click(within(taken as HTMLElement).getByRole("button", { expanded: false }));
  expect(await screen.findByRole("button", { name: "Cancel the message" })).toHaveAttribute("title", "A worker has it in its hands");
  await user.click(within(waiting as HTMLElement).getByRole("button", { expanded: false }));
  const opened = await screen.findByTestId("opened-message");
  expect(within(opened).getByLabelText("payload")).toHaveTextContent('{ "invoice": 41 }');
  await user.click(within(opened).getByText("Headers (1)"));
  expect(opened).toHaveTextContent("Tl-Attempt1");
  await user.click(screen.getByRole("button", { name: "Cancel the message" }));
  await user.click(screen.getByRole("button", { name: "Take it out for good?" }));
  expect(await screen.findByText("The message is cancelled")).toBeVisible();
  expect(hub.asked(`POST ${ONE}/messages/41/cancel`)).toHaveLength(1);
});

test("a purge counts first, wants the name typed, and is followed as a job", async () => {
  const purge = job({ id: "job-7", kind: "queues.purge", title: "Purge invoices", params: { queue: "invoices" }, total: 12, done: 5 });
  const hub = hubWith(() => queue()).on(`POST ${ONE}/purge`, async (request) => {
    const { dry_run: dry } = (await request.clone().json()) as { dry_run?: boolean };
    return { count: 12, exact: true, up_to: 99, job: dry === true ? null : purge };
  });
  const user = visit("/queues/invoices");
  await user.click(await screen.findByRole("button", { name: "Purge…" }));
  expect(await screen.findByText("12 messages")).toBeVisible();
  const button = screen.getByRole("button", { name: "Purge 12 messages" });
  expect(button).toBeDisabled();
  await user.click(screen.getByLabelText(/Keep each as a dead letter/));
  await user.type(screen.getByLabelText("Type invoices to confirm"), "invoices");
  hub.on(`GET ${BASE}/jobs`, () => ({ items: [purge, job()], next: null }));
  await user.click(button);
  const shown = await screen.findByTestId("job-strip");
  expect(shown).toHaveTextContent("Purge invoicesrunning5 of 12");
  expect(within(shown).getByRole("link", { name: "Purge invoices" })).toHaveAttribute("href", "/jobs/job-7");
  expect((await bodies(hub, `POST ${ONE}/purge`)).at(-1)).toEqual({
    expected_at_most: 12, up_to: 99, in_flight: false, to_dead_letters: true, reason: "",
  });
});

test("a move is counted with its filter; what is wrong is told at the field", async () => {
  const hub = hubWith(() => queue()).on(`POST ${ONE}/move`, () =>
    problem(422, "request.invalid", "The request is not valid", { errors: [{ pointer: "/to", detail: "must be another queue" }] }),
  );
  const user = visit("/queues/invoices");
  await user.click(await screen.findByRole("button", { name: "Move…" }));
  await user.type(screen.getByLabelText(/To queue/, { selector: "input" }), "invoices");
  await user.click(screen.getByRole("button", { name: "Count" }));
  expect(await screen.findByText("must be another queue")).toBeVisible();
  expect(screen.queryByTestId("problem")).toBeNull();
  hub.on(`POST ${ONE}/move`, () => ({ count: 1, exact: true, up_to: 50, job: null }));
  fireEvent.change(screen.getByLabelText(/To queue/, { selector: "input" }), { target: { value: "slow" } });
  await user.type(screen.getByLabelText("Only from"), "shop");
  await user.click(screen.getByRole("button", { name: "Count" }));
  await user.click(await screen.findByRole("button", { name: "Move 1 message" }));
  await waitFor(async () => {
    expect((await bodies(hub, `POST ${ONE}/move`)).slice(1)).toEqual([
      { to: "slow", filter: { sender: "shop" }, dry_run: true },
      { to: "slow", filter: { sender: "shop" }, up_to: 50, expected_at_most: 1 },
    ]);
  });
});

test("only settings that were changed are sent, and a wrong one is told at its field", async () => {
  const hub = hubWith(() => queue({ classes: { high: 4 } })).on(`PUT ${ONE}`, () =>
    problem(422, "request.invalid", "The request is not valid", {
      errors: [{ pointer: "/retry/max_attempts", detail: "must be 1 to 1000" }],
    }),
  );
  const user = visit("/queues/invoices");
  const attempts = await screen.findByLabelText("Attempts");
  fireEvent.change(attempts, { target: { value: "5000" } });
  fireEvent.change(screen.getByLabelText("Priority classes"), { target: { value: "high=4, low=1" } });
  await user.click(screen.getByRole("button", { name: "Save settings" }));
  expect(await screen.findByText("must be 1 to 1000")).toBeVisible();
  expect(await bodies(hub, `PUT ${ONE}`)).toEqual([
    { retry: { max_attempts: 5000, base_s: 0.5, factor: 2, max_s: 300, jitter: 0.2 }, classes: { high: 4, low: 1 } },
  ]);
  await user.click(screen.getByRole("button", { name: "Undo" }));
  expect(attempts).toHaveValue("5");
});

test("a queue is declared and opened; a deleted one shows what it was", async () => {
  const hub = hubWith(() => queue()).on(`PUT ${ONE}`, () => queue());
  const user = visit("/queues");
  await user.click(await screen.findByRole("button", { name: "Declare a queue" }));
  await user.type(screen.getByLabelText(/^Name/), "invoices");
  fireEvent.change(screen.getByLabelText("Lease"), { target: { value: "60" } });
  await user.click(screen.getByRole("button", { name: "Declare" }));
  expect(await screen.findByTestId("queue-detail")).toBeVisible();
  expect(await bodies(hub, `PUT ${ONE}`)).toEqual([{ ack_wait_s: 60 }]);
  hub.on(`POST ${ONE}/delete`, () => ({ count: 0, exact: true, up_to: 0, job: job({ kind: "queues.delete" }) }));
  await user.click(await screen.findByRole("button", { name: "Delete…" }));
  await user.click(screen.getByLabelText(/By force/));
  await user.type(screen.getByLabelText("Type invoices to confirm"), "invoices");
  hub.on(`GET ${ONE}`, () => problem(404, "queue.unknown", "There is no such queue"));
  await user.click(screen.getByRole("button", { name: "Delete the queue" }));
  expect(await screen.findByText("There is no such queue")).toBeVisible();
  expect(screen.getByRole("button", { name: "Go back to this" })).toBeVisible();
  expect(await bodies(hub, `POST ${ONE}/delete`)).toEqual([{ force: true, reason: "" }]);
});

test("who may only look is told why nothing can be changed", async () => {
  signedInWith(hubWith(() => queue()), "queues:read");
  visit("/queues/invoices");
  const pause = await screen.findByRole("button", { name: "Pause" });
  expect(pause).toHaveAttribute("title", "Your token lacks the scope queues:operate");
  expect(screen.getByRole("button", { name: "Purge…" })).toHaveAttribute("aria-disabled", "true");
  expect(screen.getByRole("button", { name: "Declare a queue" })).toHaveAttribute("aria-disabled", "true");
  expect(screen.getByText("Your token lacks the scope queues:write")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Save settings" })).toBeNull();
  expect(screen.getByLabelText("Attempts")).toBeDisabled();
  expect(await screen.findAllByTestId("queued-message")).toHaveLength(2);
});

test("queues that cannot be read say why", async () => {
  new FakeHub().empty().on(LIST, () => problem(403, "access.denied", "The token lacks the permission"));
  visit("/queues");
  expect(await screen.findByTestId("problem")).toHaveTextContent("The token lacks the permission");
});
