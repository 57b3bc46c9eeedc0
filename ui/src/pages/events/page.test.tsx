import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { stream } from "~/test/event-source";
import { FakeHub } from "~/test/hub";
import { event } from "~/test/samples";
import { visit } from "~/test/visit";

const LIST = "GET /api/v1/w/default/events";
const asked = (hub: FakeHub) => Object.fromEntries(new URL(hub.asked(LIST).at(-1)?.url ?? "").searchParams);
const seqs = () => screen.queryAllByTestId("event-row").map((row) => row.dataset.id);

function hubWith(...items: ReturnType<typeof event>[]): FakeHub {
  const hub = new FakeHub().empty().on(LIST, () => ({ items, next: null, last_seq: 9, indexed_up_to: 9 }));
  for (const item of items) hub.on(`GET /api/v1/w/default/events/${String(item.seq)}`, () => item);
  return hub;
}

test("a row opens the event with its data, its attributes and the ways on", async () => {
  hubWith(event({ seq: 7 }, { correlationid: "c-1", data: { total: 5 } }));
  const user = visit("/events?type=order.*");
  await user.click(await screen.findByTestId("event-row"));
  const panel = await screen.findByTestId("event-detail");
  expect(window.location.pathname + window.location.search).toBe("/events/7?type=order.*");
  expect(await within(panel).findByLabelText("data")).toHaveTextContent('{ "total": 5 }');
  expect(within(panel).getByText("e-7")).toBeVisible();
  expect(within(panel).getByRole("link", { name: "Trace" })).toHaveAttribute("href", "/trace/e-7");
  await user.click(within(panel).getByRole("link", { name: "All of this correlation" }));
  expect(screen.getByLabelText("Correlation")).toHaveValue("c-1");
});

test("the filter is in the address, and goes to the hub", async () => {
  const hub = hubWith();
  const user = visit("/events?sender=shop&span=1h");
  expect(await screen.findByText("No event matches the filter")).toBeVisible();
  expect(asked(hub)).toMatchObject({ newest: "true", sender: "shop" });
  const since = Date.parse(asked(hub).since ?? "");
  expect(Date.now() - since).toBeGreaterThanOrEqual(3_600_000);
  await user.type(screen.getByLabelText("Type"), "order.*{Enter}");
  await waitFor(() => {
    expect(asked(hub)).toMatchObject({ type: "order.*", sender: "shop" });
  });
  expect(window.location.search).toContain("type=order.*");
  await user.click(screen.getByRole("button", { name: "Clear the filter" }));
  await waitFor(() => {
    expect(asked(hub)).not.toHaveProperty("type");
  });
  expect(screen.getByLabelText("Type")).toHaveValue("");
});

test("new events that pass the filter slide in on top", async () => {
  hubWith(event({ seq: 1 }));
  visit("/events?type=order.*&sender=shop");
  await screen.findByTestId("event-row");
  const tail = stream("/events/tail?type=order.*");
  tail.open();
  tail.send("event", event({ seq: 2, sender: "other" }));
  tail.send("event", event({ seq: 3 }));
  await waitFor(() => {
    expect(seqs()).toEqual(["3", "1"]);
  });
});

test("while somebody reads, new events wait to be shown", async () => {
  hubWith(event({ seq: 1 }));
  const user = visit("/events");
  await user.hover(await screen.findByTestId("event-row"));
  expect(screen.getByTestId("tail-state")).toHaveTextContent("paused");
  const tail = stream("/events/tail");
  tail.send("event", event({ seq: 2 }));
  tail.send("event", event({ seq: 3 }));
  const show = await screen.findByRole("button", { name: "2 new: show" });
  expect(seqs()).toEqual(["1"]);
  await user.click(show);
  await waitFor(() => {
    expect(seqs()).toEqual(["3", "2", "1"]);
  });
});

test("what was stored while the stream was away is read when it is back", async () => {
  const items = [event({ seq: 1 })];
  const hub = hubWith().on(LIST, () => ({ items: [...items], next: null }));
  visit("/events");
  await screen.findByTestId("event-row");
  items.unshift(event({ seq: 2 }));
  stream("/events/tail").open();
  await waitFor(() => {
    expect(seqs()).toEqual(["2", "1"]);
  });
  expect(hub.asked(LIST)).toHaveLength(2);
});

test("the live tail is switched off in the address", async () => {
  hubWith(event());
  const user = visit("/events");
  await screen.findByTestId("event-row");
  const tail = stream("/events/tail");
  await user.click(screen.getByRole("switch", { name: "Live" }));
  expect(window.location.search).toBe("?tail=off");
  await waitFor(() => {
    expect(tail.closed).toBe(true);
  });
});

test("a page may be empty with more behind it, and says how far the index is", async () => {
  const hub = new FakeHub().empty().on(LIST, (_, url) =>
    url.searchParams.has("cursor")
      ? { items: [event({ seq: 3 })], next: null, last_seq: 5000, indexed_up_to: 4000 }
      : { items: [], next: "c2", last_seq: 5000, indexed_up_to: 4000 },
  );
  const user = visit("/events?id=e-3");
  expect(await screen.findByTestId("index-lag")).toHaveTextContent("The index is 1,000 behind");
  await user.click(screen.getByRole("button", { name: "Search further back" }));
  await waitFor(() => {
    expect(seqs()).toEqual(["3"]);
  });
  expect(asked(hub)).toMatchObject({ cursor: "c2", id: "e-3" });
});

test("bytes, text and payloads elsewhere are said to be what they are", async () => {
  const hub = hubWith(
    event({ seq: 1 }, { data: undefined, data_base64: "AAEC", datacontenttype: "image/png" }),
    event({ seq: 2 }, { data: undefined, data_base64: btoa("a;b"), datacontenttype: "text/csv" }),
    event({ seq: 3 }, { data: undefined, dataref: "/api/v1/w/default/blobs/b1", datacontenttype: "video/mp4" }),
    event({ seq: 4 }, { data: undefined, dataref: "https://elsewhere.example/x" }),
  );
  const user = visit("/events/1");
  expect(await screen.findByLabelText("data in base64")).toHaveTextContent("AAEC");
  const panel = () => within(screen.getByTestId("event-detail"));
  expect(panel().getByText(/image\/png · 3 B/)).toBeVisible();
  const rows = screen.getAllByTestId("event-row");
  await user.click(rows[2] as HTMLElement);
  expect(await panel().findByLabelText("data")).toHaveTextContent("a;b");
  await user.click(rows[1] as HTMLElement);
  expect(await panel().findByRole("link", { name: "Download it" })).toHaveAttribute("href", "/api/v1/w/default/blobs/b1");
  await user.click(rows[0] as HTMLElement);
  expect(await panel().findByText(/is not followed/)).toHaveTextContent("https://elsewhere.example/x");
  expect(hub.asked("GET /api/v1/w/default/blobs/b1")).toHaveLength(0);
});

test("a message's id leads to its trace", async () => {
  hubWith();
  const user = visit("/events");
  await user.type(await screen.findByLabelText("Id of the message to trace"), " m-1 {Enter}");
  await waitFor(() => {
    expect(window.location.pathname).toBe("/trace/m-1");
  });
});
