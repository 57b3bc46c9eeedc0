import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { Task, TaskStep } from "~/api/resources";
import { step, task } from "~/test/agent-samples";
import { stream } from "~/test/event-source";
import { FakeHub, problem } from "~/test/hub";
import { visit } from "~/test/visit";

const LIST = "GET /api/v1/w/default/tasks";
const ONE = "GET /api/v1/w/default/tasks/t-1";
const COURSE = "GET /api/v1/w/default/tasks/t-1/course";
const ANSWER = "POST /api/v1/w/default/tasks/t-1/messages";
const CANCEL = "POST /api/v1/w/default/tasks/t-1/cancel";

function hubWith(one: () => Task, steps: TaskStep[] = []): FakeHub {
  return new FakeHub()
    .empty()
    .on(LIST, () => ({ items: [one()], next: null }))
    .on(ONE, one)
    .on(COURSE, () => ({ items: steps }));
}

function as(hub: FakeHub, principal: string, ...scopes: string[]): FakeHub {
  return hub.on("GET /api/v1/session", () => ({ principal, workspace: "default", scopes }));
}

const asks = (more: Partial<Task> = {}) =>
  task({
    status: { state: "input-required", at: "2026-11-22T11:21:00Z", message: { id: "m-2", role: "agent", parts: [{ text: "Which glaze?" }] } },
    progress: null,
    ...more,
  });

test("tasks are listed by state, agent, skill, caller and context, kept in the address", async () => {
  const hub = hubWith(() => task()).on("GET /api/v1/w/default/agents", () => ({ items: [], next: null }));
  const user = visit("/tasks?agent=baker&context=c-1");
  const row = await screen.findByTestId("task-row");
  expect(row).toHaveTextContent("in the oven");
  await user.type(screen.getByRole("textbox", { name: "Caller" }), "admin{Enter}");
  await user.click(screen.getByRole("combobox", { name: "State" }));
  await user.click(await screen.findByRole("option", { name: "working" }));
  await waitFor(() => {
    const asked = Object.fromEntries(new URL(hub.asked(LIST).at(-1)?.url ?? "").searchParams);
    expect(asked).toEqual({ limit: "50", agent: "baker", context_id: "c-1", caller: "admin", state: "working" });
  });
  expect(window.location.search).toBe("?agent=baker&context=c-1&caller=admin&state=working");
});

test("a task is followed while it goes on, and read anew once it has ended", async () => {
  let now = task();
  const hub = hubWith(() => now, [step(1, { kind: "created", by: "admin" }), step(3, { kind: "progress", progress: { fraction: 0.4 } })]);
  visit("/tasks/t-1");
  expect(await screen.findByTestId("task-progress")).toHaveTextContent("40 % · in the oven");
  const source = stream("/tasks/t-1/events");
  source.open();
  source.send("step", step(4, { kind: "progress", progress: { fraction: 0.7, message: "browning" } }));
  await waitFor(() => {
    expect(screen.getByTestId("task-progress")).toHaveTextContent("70 % · browning");
  });
  // What was said twice in a row is one line.
  expect(screen.getAllByTestId("step").map((line) => line.textContent)).toEqual([
    expect.stringContaining("admin asked for bake by rest"),
    expect.stringContaining("70 % · browning"),
  ]);
  now = task({ status: { state: "completed", at: "2026-11-22T11:22:00Z" }, progress: null, artifacts: [
    { id: "a", name: "receipt", parts: [{ text: "3 x rye" }] },
    { id: "b", name: "result", parts: [{ data: { baked: "rye" } }] },
    { id: "c", name: "film", parts: [{ dataref: "/api/v1/w/default/blobs/b1", media_type: "video/mp4", filename: "film.mp4" }] },
  ] });
  source.send("step", step(5, { kind: "status", state: "completed" }));
  await waitFor(() => {
    expect(screen.getByTestId("task-state")).toHaveTextContent("completed");
  });
  expect(screen.getAllByTestId("step").at(-1)).toHaveTextContent("baker completed it");
  expect(source.closed).toBe(true);
  expect(screen.getAllByTestId("artifact")).toHaveLength(3);
  expect(screen.getByText("3 x rye")).toBeVisible();
  expect(screen.getByRole("link", { name: "Download film.mp4" })).toHaveAttribute("href", "/api/v1/w/default/blobs/b1");
  expect(hub.asked(ONE).length).toBeGreaterThan(1);
});

test("a question is answered, in words or as JSON", async () => {
  let now = asks();
  const hub = hubWith(() => now).on(ANSWER, () => (now = task({ turn: 2 })));
  const user = visit("/tasks/t-1");
  const answer = await screen.findByTestId("answer");
  expect(answer).toHaveTextContent("Which glaze?");
  expect(within(answer).getByRole("button", { name: "Answer" })).toBeDisabled();
  await user.type(within(answer).getByRole("textbox", { name: "Your answer" }), "honey");
  await user.click(within(answer).getByRole("radio", { name: "JSON" }));
  expect(within(answer).getByRole("button", { name: "Answer" })).toBeDisabled();
  await user.clear(within(answer).getByRole("textbox", { name: "Your answer" }));
  await user.type(within(answer).getByRole("textbox", { name: "Your answer" }), '{{"glaze": 3}');
  await user.click(within(answer).getByRole("button", { name: "Answer" }));
  await waitFor(() => {
    expect(screen.queryByTestId("answer")).toBeNull();
  });
  expect(await hub.asked(ANSWER)[0]?.json()).toEqual({ input: { glaze: 3 } });
});

function asksFor(message: Record<string, unknown>) {
  const said = { id: "m-2", role: "agent" as const, parts: [{ text: "Which glaze?" }], ...message };
  return asks({ status: { state: "input-required", at: "2026-11-22T11:21:00Z", message: said } });
}

test("a question that says what it wants is a form, of its own fields or of several questions", async () => {
  const glaze = { enum: ["honey", "egg"] };
  const form = { type: "object", required: ["glaze"], properties: { glaze, twice: { type: "boolean", default: false } } };
  let now = asksFor({ metadata: { schema: form } });
  const hub = hubWith(() => now).on(ANSWER, () => now);
  const user = visit("/tasks/t-1");
  const answer = await screen.findByTestId("answer");
  expect(answer).toHaveTextContent("Which glaze?");
  await user.click(within(answer).getByRole("combobox", { name: /glaze/i }));
  await user.click(await screen.findByRole("option", { name: "egg" }));
  now = asksFor({
    id: "m-3",
    parts: [
      { text: "How many?", metadata: { question: "count", schema: { type: "integer" } } },
      { text: "For whom?", metadata: { question: "who" } },
    ],
    metadata: { answers: { who: "me" } },
  });
  await user.click(within(answer).getByRole("button", { name: "Answer" }));
  await waitFor(async () => {
    expect(await hub.asked(ANSWER)[0]?.clone().json()).toEqual({ input: { glaze: "egg", twice: false } });
  });
  await user.type(await within(answer).findByRole("textbox", { name: /How many/ }), "3");
  expect(within(answer).queryByRole("textbox", { name: /For whom/ })).toBeNull();
  await user.click(within(answer).getByRole("button", { name: "Answer" }));
  await waitFor(async () => {
    expect(await hub.asked(ANSWER)[1]?.clone().json()).toEqual({ input: { who: "me", count: 3 } });
  });
});

test("a task that waits for a sign-in is told that it is done", async () => {
  const hub = hubWith(() => asks({ status: { state: "auth-required", at: "2026-11-22T11:21:00Z" } })).on(ANSWER, () => task());
  const user = visit("/tasks/t-1");
  await user.click(await screen.findByRole("button", { name: "I have signed in" }));
  await waitFor(async () => {
    expect(await hub.asked(ANSWER)[0]?.clone().json()).toEqual({ input: "done" });
  });
});

test("it is called off with a reason; a refusal is shown", async () => {
  const hub = hubWith(() => task()).on(CANCEL, () => problem(409, "task.finished", "The task has ended"));
  const user = visit("/tasks/t-1");
  await user.click(await screen.findByRole("button", { name: "Cancel…" }));
  await user.type(screen.getByRole("textbox", { name: "Reason" }), "burnt");
  await user.click(screen.getByRole("button", { name: "Cancel the task" }));
  expect(await screen.findByTestId("problem")).toHaveTextContent("The task has ended");
  expect(await hub.asked(CANCEL)[0]?.json()).toEqual({ reason: "burnt" });
});

test("whose it is not needs more to steer it, and is told so", async () => {
  as(hubWith(() => asks()), "viewer", "tasks:run", "tasks:read");
  visit("/tasks/t-1");
  const answer = await screen.findByRole("button", { name: "Answer" });
  const why = "It is not yours, and your token lacks the scope tasks:write";
  expect(answer).toHaveAttribute("title", why);
  expect(screen.getByRole("button", { name: "Cancel…" })).toHaveAttribute("title", why);
  expect(screen.getByRole("textbox", { name: "Your answer" })).toBeDisabled();
});

test("one's own is steered with tasks:run alone", async () => {
  as(hubWith(() => asks()), "admin", "tasks:run");
  visit("/tasks/t-1");
  await screen.findByTestId("answer");
  expect(screen.getByRole("button", { name: "Cancel…" })).not.toHaveAttribute("aria-disabled");
});

test("why it failed is said, and no address of somebody else's making becomes a link by itself", async () => {
  hubWith(() =>
    task({
      status: { state: "failed", at: "2026-11-22T11:22:00Z" },
      error: { type: "x", title: "The handler failed", status: 500, code: "handler", detail: "the oven is cold" },
      artifacts: [{ id: "a", name: "trap", parts: [{ url: "javascript:alert(1)" }] }],
    }),
  );
  visit("/tasks/t-1");
  expect(await screen.findByTestId("problem")).toHaveTextContent("the oven is cold");
  expect(screen.getByText("javascript:alert(1)").closest("a")).toBeNull();
  expect(screen.queryByRole("button", { name: "Cancel…" })).toBeNull();
});
