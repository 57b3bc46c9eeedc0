import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import type { EventType } from "~/api/resources";
import { FakeHub, problem } from "~/test/hub";
import { eventType, typeVersion } from "~/test/samples";
import { visit } from "~/test/visit";

const BASE = "/api/v1/w/default";
const LIST = `GET ${BASE}/event-types`;
const ONE = `${BASE}/event-types/order.created`;
const asked = (hub: FakeHub) => Object.fromEntries(new URL(hub.asked(LIST).at(-1)?.url ?? "").searchParams);

function hubWith(...items: EventType[]): FakeHub {
  const [first] = items;
  return new FakeHub()
    .empty()
    .on(LIST, () => ({ items, next: null }))
    .on(`GET ${ONE}`, () => ({
      type: first,
      schema: typeVersion(2).schema,
      producers: [
        { agent: "shop", principal: "shop", declared: true, observed: true, count: 1200 },
        { agent: null, principal: "stranger", declared: false, observed: true, count: 3 },
        { agent: "idle", principal: null, declared: true, observed: false },
      ],
      consumers: [{ lane: "group", name: "billing", agents: ["clerk"], patterns: ["order.*"] }],
      days: [],
    }))
    .on(`GET ${ONE}/versions`, () => ({ items: [typeVersion(1), typeVersion(2)], next: null }));
}

/** Braces are keys to the keyboard's emulation. */
function fill(label: string, value: string): void {
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
}

test("the catalogue tells what is declared, only seen, or on its way out", async () => {
  const hub = hubWith(
    eventType({ quarantined: 4 }),
    eventType({ name: "cart.filled", declared: false }),
    eventType({ name: "old.one", deprecated_at: "2026-11-22T11:20:00Z" }),
  );
  const user = visit("/types");
  const rows = await screen.findAllByTestId("type-row");
  expect(rows[0]).toHaveTextContent("order.createdAn order was placeddeclaredwarn21,2004");
  expect(rows[1]).toHaveTextContent("undeclared");
  expect(rows[2]).toHaveTextContent("deprecated");
  await user.type(screen.getByLabelText("Search types"), "order");
  await waitFor(() => {
    expect(asked(hub)).toMatchObject({ text: "order" });
  });
  await user.click(screen.getByRole("radio", { name: "Undeclared" }));
  await waitFor(() => {
    expect(asked(hub)).toMatchObject({ text: "order", declared: "false" });
  });
  expect(window.location.search).toBe("?text=order&show=observed");
});

test("a type tells who speaks, who listens, how it looked, and what did not fit", async () => {
  hubWith(eventType({ quarantined: 1 })).on(`GET ${BASE}/quarantine`, (_, url) => ({
    items: [
      {
        id: "q1", seq: 9, type: url.searchParams.get("type"), message_id: "m-9", sender: "stranger", policy: "warn",
        at: "2026-11-22T11:20:00Z", reasons: [{ pointer: "/data/id", detail: "is not an integer" }],
      },
    ],
    next: null,
  }));
  const user = visit("/types");
  await user.click(await screen.findByTestId("type-row"));
  expect(window.location.pathname).toBe("/types/order.created");
  const panel = within(await screen.findByTestId("type-detail"));
  const producers = await panel.findAllByTestId("producer");
  expect(producers[0]).toHaveTextContent("declared1,200 seen");
  expect(producers[1]).toHaveTextContent("stranger 3 seennot declared");
  expect(producers[2]).toHaveTextContent("never seen");
  expect(panel.getByTestId("consumer")).toHaveTextContent("billing grouporder.* by clerk");
  const versions = await panel.findAllByTestId("version");
  expect(versions.map((version) => version.textContent.slice(0, 1))).toEqual(["2", "1"]);
  expect(versions[1]).toHaveTextContent("the first");
  expect(await panel.findByTestId("quarantined")).toHaveTextContent("/data/id is not an integer");
});

test("a schema is checked without being stored, and told place by place", async () => {
  const hub = hubWith(eventType()).on(`POST ${ONE}/check`, () => ({
    compatible: false,
    compatibility: "backward",
    reading: "lenient",
    problems: [
      { pointer: "/properties/id/type", direction: "backward", version: 2, detail: "takes string only" },
    ],
  }));
  const user = visit("/types/order.created");
  await screen.findAllByTestId("version");
  fill("JSON Schema", "{nonsense");
  expect(screen.getByText("This is not JSON")).toBeVisible();
  expect(screen.getByRole("button", { name: "Check" })).toBeDisabled();
  fill("JSON Schema", '{"properties": {"id": {"type": "string"}}}');
  await user.click(screen.getByRole("button", { name: "Check" }));
  const report = await screen.findByTestId("check-report");
  expect(report).toHaveTextContent("not compatible backward, lenient");
  expect(report).toHaveTextContent("/properties/id/type (backward, version 2) takes string only");
  const [request] = hub.asked(`POST ${ONE}/check`);
  expect(await request?.json()).toEqual({ schema: { properties: { id: { type: "string" } } } });
  expect(hub.asked(`POST ${ONE}/versions`)).toHaveLength(0);
});

test("a version is added with its note; a refusal is told whole", async () => {
  const hub = hubWith(eventType()).on(`POST ${ONE}/versions`, () =>
    problem(409, "event_type.incompatible", "The schema does not get on with the versions before it"),
  );
  const user = visit("/types/order.created");
  await screen.findAllByTestId("version");
  await user.type(screen.getByLabelText("Note"), "narrower");
  await user.click(screen.getByRole("button", { name: "Add version" }));
  expect(await screen.findByTestId("problem")).toHaveTextContent("does not get on with the versions before it");
  hub.on(`POST ${ONE}/versions`, () => typeVersion(3));
  await user.click(screen.getByRole("button", { name: "Add version" }));
  expect(await screen.findByText("order.created has a new version")).toBeVisible();
  expect(await hub.asked(`POST ${ONE}/versions`)[1]?.json()).toEqual({ schema: typeVersion(2).schema, note: "narrower" });
});

test("a new type is declared and opened", async () => {
  const hub = hubWith(eventType()).on(`PUT ${ONE}`, () => eventType());
  const user = visit("/types");
  await user.click(await screen.findByRole("button", { name: "Declare a type" }));
  await user.type(screen.getByLabelText(/^Name/), "order.created");
  await user.type(screen.getByLabelText("Owner"), "shop");
  fill("JSON Schema", '{"type": "object"}');
  await user.click(screen.getByRole("button", { name: "Declare" }));
  expect(await screen.findByTestId("type-detail")).toBeVisible();
  expect(await hub.asked(`PUT ${ONE}`)[0]?.json()).toEqual({
    owner: "shop", description: "", policy: "open", schema: { type: "object" },
  });
});

test("a catalogue that cannot be read says why", async () => {
  new FakeHub().empty().on(LIST, () => problem(403, "access.denied", "The token lacks the permission"));
  visit("/types");
  expect(await screen.findByTestId("problem")).toHaveTextContent("The token lacks the permission");
});
