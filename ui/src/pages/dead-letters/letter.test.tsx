import { fireEvent, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { DeadLetterDetail } from "~/api/resources";
import { FakeHub } from "~/test/hub";
import { detail, letter } from "~/test/samples";
import { visit } from "~/test/visit";

const ONE = "GET /api/v1/w/default/dead-letters/dl-1";
const REDRIVE = "POST /api/v1/w/default/dead-letters/dl-1/redrive";
const DISCARD = "POST /api/v1/w/default/dead-letters/dl-1/discard";

function hubWith(one: () => DeadLetterDetail): FakeHub {
  return new FakeHub()
    .empty()
    .on("GET /api/v1/w/default/dead-letters", () => ({ items: [letter()], next: null }))
    .on("GET /api/v1/w/default/jobs", () => ({ items: [], next: null }))
    .on(ONE, one)
    .on(REDRIVE, () => ({ id: "dl-1", message_id: "m-1", subject: "s", seq: 9 }));
}

function type(text: string): void {
  fireEvent.change(screen.getByRole("textbox", { name: "Data" }), { target: { value: text } });
}

test("a letter is edited and redriven; what is no JSON cannot be sent", async () => {
  const hub = hubWith(() => detail());
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByRole("button", { name: "Edit…" }));
  expect(screen.getByRole("textbox", { name: "Data" })).toHaveValue('{\n  "id": 7\n}');
  type('{"id": ');
  expect(screen.getByText("This is not JSON")).toBeVisible();
  expect(screen.getByRole("button", { name: "Redrive edited" })).toBeDisabled();
  type('{"id": 9007199254740993}');
  expect(screen.getByText(/would round/)).toBeVisible();
  type('{"id": 8}');
  await user.click(screen.getByRole("button", { name: "Redrive edited" }));
  expect(await screen.findByText("Redriven to queue invoices")).toBeVisible();
  expect(await hub.asked(REDRIVE)[0]?.json()).toEqual({ edited: { data: { id: 8 } } });
});

test("a letter goes to another queue as it is", async () => {
  const hub = hubWith(() => detail());
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByRole("button", { name: "Edit…" }));
  await user.type(screen.getByRole("combobox", { name: "Send to" }), "manual");
  await user.click(screen.getByRole("button", { name: "Redrive there" }));
  expect(await screen.findByText("Redriven to queue manual")).toBeVisible();
  expect(await hub.asked(REDRIVE)[0]?.json()).toEqual({ queue: "manual" });
});

test.each([
  [{ payload_truncated: true }, /too large to be edited here/],
  [{ payload: "junk", payload_encoding: "text" }, /no CloudEvent/],
  [{ payload: { specversion: "1.0", data: { id: 2 ** 60 } } }, /would round/],
])("what cannot be edited here says why: %o", async (more, why) => {
  hubWith(() => ({ ...detail(), ...more }));
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByRole("button", { name: "Edit…" }));
  expect(screen.getByText(why)).toBeVisible();
  expect(screen.queryByRole("textbox", { name: "Data" })).toBeNull();
});

test("a letter is discarded with a reason, and says by whom", async () => {
  let more = {};
  const hub = hubWith(() => detail(more)).on(DISCARD, () => {
    more = { discarded_at: "2026-11-22T11:21:00Z", discarded_by: "ops", discard_reason: "test data" };
    return letter(more);
  });
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByRole("button", { name: "Discard…" }));
  await user.type(screen.getByRole("textbox", { name: "Reason" }), "test data{Enter}");
  expect(await screen.findByText(/by ops: test data/)).toBeVisible();
  expect(screen.getByTestId("letter-state")).toHaveTextContent("discarded");
  expect(await hub.asked(DISCARD)[0]?.json()).toEqual({ reason: "test data" });
  expect(screen.getByTestId("redrive"), "it can still be redriven").toBeEnabled();
});

test("Escape puts a form away, then the letter", async () => {
  hubWith(() => detail());
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByRole("button", { name: "Discard…" }));
  await user.keyboard("{Escape}");
  expect(screen.queryByRole("textbox", { name: "Reason" })).toBeNull();
  expect(window.location.pathname).toBe("/dead-letters/dl-1");
  await user.keyboard("{Escape}");
  expect(window.location.pathname).toBe("/dead-letters");
});

test("what died again shows all its lives, and which handler failed", async () => {
  const life = {
    lane: "queue" as const, reader: "invoices", reason: "rejected", error: "paper jam", died_at: "2026-11-22T10:20:00Z",
    redriven_at: null, redriven_by: null, edited_by: null,
  };
  const [first] = detail().history;
  hubWith(() => ({
    ...detail(),
    history: first ? [{ ...first, handler: "print_page" }] : [],
    lives: [
      { ...life, letter_id: "dl-0", redriven_at: "2026-11-22T11:00:00Z", redriven_by: "ops", edited_by: "ops" },
      { ...life, letter_id: "dl-1" },
    ],
  }));
  visit("/dead-letters/dl-1");
  const lives = await screen.findAllByTestId("life");
  expect(lives).toHaveLength(2);
  expect(lives[0]).toHaveTextContent(/edited by ops, redriven .* by ops/);
  expect(within(lives[0] as HTMLElement).getByRole("link")).toHaveAttribute("href", "/dead-letters/dl-0");
  expect(screen.getByTestId("attempt")).toHaveTextContent("print_page");
});
