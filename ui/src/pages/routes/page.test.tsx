import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";

import { FakeHub } from "~/test/hub";
import { revision, route } from "~/test/samples";
import { visit } from "~/test/visit";

const BASE = "/api/v1/w/default";

function hubWith(...items: ReturnType<typeof route>[]): FakeHub {
  return new FakeHub()
    .empty()
    .on(`GET ${BASE}/routes`, () => ({ items, next: null }))
    .on(`GET ${BASE}/dead-ends`, () => ({ items: [], next: null }));
}

test("routes are listed in the order in which they are tried", async () => {
  hubWith(route({ name: "later" }), route({ name: "first" }, { order: 1 }));
  visit("/routes");
  const rows = await screen.findAllByTestId("route-row");
  expect(rows.map((row) => row.dataset.id)).toEqual(["first", "later"]);
  expect(rows[0]).toHaveTextContent("queue review");
  expect(rows[0]).toHaveTextContent("90 %");
});

test("a message is explained without being sent", async () => {
  const hub = hubWith(route()).on(`POST ${BASE}/route-explanations`, () => ({
    verdicts: [
      { route: "big", order: 1, matched: false, reason: "data/total > 100 does not hold", targets: [], dead_ends: [] },
    ],
    groups: [],
    leads_nowhere: true,
  }));
  const user = visit("/routes");
  await user.type(await screen.findByLabelText(/Type/), "order.created");
  await user.click(screen.getByLabelText("Data"));
  await user.paste('{"total": 5}');
  await user.click(screen.getByRole("button", { name: "Explain" }));
  expect(await screen.findByTestId("verdicts")).toHaveTextContent("big leaves it: data/total > 100 does not hold");
  expect(screen.getByTestId("verdicts")).toHaveTextContent("go nowhere");
  const [asked] = hub.asked(`POST ${BASE}/route-explanations`);
  expect(await asked?.json()).toEqual({ sample: { type: "order.created", source: "/sample", data: { total: 5 } } });
});

test("an earlier revision is gone back to", async () => {
  const hub = hubWith(route())
    .on(`GET ${BASE}/routes/big`, () => route())
    .on(`GET ${BASE}/routes/big/revisions`, () => ({ items: [revision(2), revision(1)], next: null }))
    .on(`POST ${BASE}/routes/big/rollback`, () => route());
  const user = visit("/routes/big");
  await user.click(await screen.findByRole("button", { name: "Go back to this" }));
  await waitFor(() => {
    expect(hub.asked(`POST ${BASE}/routes/big/rollback`)).toHaveLength(1);
  });
  expect(await hub.asked(`POST ${BASE}/routes/big/rollback`)[0]?.json()).toEqual({ revision: 1, note: "" });
});
