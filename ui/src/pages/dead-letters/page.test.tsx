import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { FakeHub, problem } from "~/test/hub";
import { detail, letter } from "~/test/samples";
import { visit } from "~/test/visit";

const LIST = "GET /api/v1/w/default/dead-letters";
const ONE = "GET /api/v1/w/default/dead-letters/dl-1";
const REDRIVE = "POST /api/v1/w/default/dead-letters/dl-1/redrive";
const REDRIVEN = { redriven_at: "2026-11-22T11:21:00Z", redriven_by: "admin" };

function hubWithOne(): FakeHub {
  return new FakeHub()
    .empty()
    .on(LIST, () => ({ items: [letter()], next: null }))
    .on(ONE, () => detail());
}

test("a row opens the letter with its payload and every attempt", async () => {
  hubWithOne();
  const user = visit("/dead-letters");
  await user.click(await screen.findByTestId("dead-row"));
  const panel = await screen.findByTestId("dead-detail");
  await within(panel).findByText("tl.default.tasks.invoices.normal.0.admin");
  expect(window.location.pathname).toBe("/dead-letters/dl-1");
  expect(within(panel).getByLabelText("payload")).toHaveTextContent('{ "id": 7 }');
  expect(within(panel).getByText("99e1d82f54c205a85f7e3691a5c247e7")).toBeVisible();
  const attempts = within(panel).getAllByTestId("attempt");
  expect(attempts).toHaveLength(2);
  expect(attempts[1]).toHaveTextContent("RuntimeError: paper jam");
  expect(within(panel).getAllByText("Traceback")).toHaveLength(2);
});

test("a redrive is sent once, told, and seen in the letter and the list", async () => {
  let done = false;
  const hub = hubWithOne()
    .on(LIST, () => ({ items: done ? [] : [letter()], next: null }))
    .on(ONE, () => detail(done ? REDRIVEN : {}))
    .on(REDRIVE, () => {
      done = true;
      return { id: "dl-1", message_id: "m-2", subject: "tl.default.tasks.invoices", seq: 9 };
    });
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByTestId("redrive"));
  expect(await screen.findByTestId("redriven-badge")).toBeVisible();
  expect(screen.getByTestId("redrive")).toBeDisabled();
  expect(screen.getByText("Redriven to queue invoices")).toBeVisible();
  await waitFor(() => {
    expect(screen.queryByTestId("dead-row")).toBeNull();
  });
  expect(hub.asked(REDRIVE)).toHaveLength(1);
  expect(hub.asked(REDRIVE)[0]?.headers.get("X-Trunkline-Session")).toBe("1");
});

test("a letter that somebody else redrove shows the hub's problem whole", async () => {
  const title = "The dead letter has been redriven already";
  hubWithOne().on(REDRIVE, () =>
    problem(409, "dead_letter.redriven", title, {
      detail: "Redriven by ops a minute ago",
      remedy: "Look for its new message.",
      request_id: "01a202f9",
    }),
  );
  const user = visit("/dead-letters/dl-1");
  await user.click(await screen.findByTestId("redrive"));
  const shown = await screen.findByTestId("problem");
  for (const text of [title, "Redriven by ops a minute ago", "Look for its new message.", "01a202f9"]) {
    expect(shown).toHaveTextContent(text);
  }
});

test("a list that cannot be read says why, and can be tried again", async () => {
  const hub = new FakeHub().empty().on(LIST, () => problem(403, "access.denied", "The token lacks the permission"));
  const user = visit("/dead-letters");
  expect(await screen.findByTestId("problem")).toHaveTextContent("The token lacks the permission");
  hub.on(LIST, () => ({ items: [letter()], next: null }));
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByTestId("dead-row")).toBeVisible();
});

test("further pages follow the cursor", async () => {
  const hub = new FakeHub().empty().on(LIST, (_, url) =>
    url.searchParams.get("cursor") === "c2"
      ? { items: [letter({ id: "dl-2" })], next: null }
      : { items: [letter()], next: "c2" },
  );
  const user = visit("/dead-letters");
  await user.click(await screen.findByRole("button", { name: "Load more" }));
  await waitFor(() => {
    expect(screen.getAllByTestId("dead-row")).toHaveLength(2);
  });
  expect(screen.getByText("2 in all")).toBeVisible();
  expect(hub.asked(LIST)).toHaveLength(2);
});

test("the filter is in the address, and goes to the hub", async () => {
  const hub = new FakeHub().empty();
  const user = visit("/dead-letters?reader=group%3Abilling&reason=invalid");
  expect(await screen.findByText("No dead letter matches the filter")).toBeVisible();
  const asked = () => Object.fromEntries(new URL(hub.asked(LIST).at(-1)?.url ?? "").searchParams);
  expect(asked()).toMatchObject({ lane: "group", reader: "billing", reason: "invalid", state: "waiting" });
  await user.click(screen.getByRole("radio", { name: "All" }));
  await waitFor(() => {
    expect(asked()).not.toHaveProperty("state");
  });
  expect(window.location.search).toContain("show=all");
});

test("text and base64 payloads are shown as they are", async () => {
  hubWithOne().on(ONE, () => ({ ...detail(), payload: "AAEC", payload_encoding: "base64", payload_truncated: true }));
  visit("/dead-letters/dl-1");
  expect(await screen.findByLabelText("payload")).toHaveTextContent("AAEC");
  expect(screen.getByText(/base64 · cut to its beginning/)).toBeVisible();
});
