import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { agent } from "~/test/agent-samples";
import { FakeHub, problem } from "~/test/hub";
import { visit } from "~/test/visit";

const W = "/api/v1/w/default";

test("an A2A agent is brought in once what it brings was seen", async () => {
  const hub = new FakeHub()
    .empty()
    .on(`POST ${W}/a2a/agents/preview`, () => ({
      url: "https://x.example", name: "Weather Desk", version: "2.0", description: "Knows the weather", signed_by: "k1", card: {},
      skills: [{ name: "forecast", description: "Tells tomorrow's weather" }],
    }))
    .on(`POST ${W}/a2a/agents`, () => ({ name: "weather-desk" }))
    .on(`GET ${W}/agents/weather-desk`, () => agent({ name: "weather-desk" }));
  const user = visit("/agents");
  await user.click(await screen.findByRole("button", { name: "Bring in" }));
  await user.type(screen.getByRole("textbox", { name: "Address" }), "https://x.example");
  await user.click(screen.getByRole("button", { name: "Look what it brings" }));
  const offer = await screen.findByTestId("offer");
  expect(within(offer).getByTestId("offered-skill")).toHaveTextContent("Tells tomorrow's weather");
  expect(offer).toHaveTextContent("signed by k1");
  await user.click(within(offer).getByRole("button", { name: "Bring it in" }));
  expect(await screen.findByTestId("agent-detail")).toBeVisible();
  expect(await hub.asked(`POST ${W}/a2a/agents`)[0]?.json()).toEqual({ name: "weather-desk", url: "https://x.example", headers: {} });
});

test("an MCP server is looked at with its credential; what is wrong is told where it belongs", async () => {
  const offered = {
    server: "everything", version: "1", instructions: "", versions: ["2025-11-25"], resources: 3, templates: 0, prompts: ["p"],
    completion: false, tools: [{ name: "echo", skill: "everything.echo", description: "Echoes" }],
  };
  let works = false;
  const hub = new FakeHub()
    .empty()
    .on(`POST ${W}/mcp/preview`, () =>
      works ? offered : problem(422, "request.invalid", "Not so", { errors: [{ pointer: "/url", detail: "is inside your network" }] }),
    )
    .on(`PUT ${W}/mcp/upstreams/everything`, () => ({ name: "everything" }));
  const user = visit("/agents");
  await user.click(await screen.findByRole("button", { name: "Bring in" }));
  await user.click(screen.getByRole("radio", { name: "MCP server" }));
  const address = screen.getByRole("textbox", { name: "Address" });
  await user.type(address, "http://10.0.0.1/mcp");
  await user.click(screen.getByRole("button", { name: "Look what it brings" }));
  await waitFor(() => {
    expect(address).toHaveAccessibleDescription(/inside your network/);
  });
  works = true;
  await user.click(screen.getByText("It wants a credential"));
  await user.type(screen.getByRole("textbox", { name: "Header" }), "X-Key");
  await user.type(screen.getByLabelText("Value"), "s3cret");
  await user.click(screen.getByRole("button", { name: "Look what it brings" }));
  const offer = await screen.findByTestId("offer");
  expect(offer).toHaveTextContent("3 resources");
  await user.click(within(offer).getByRole("button", { name: "Bring it in" }));
  await waitFor(async () => {
    const sent = await hub.asked(`PUT ${W}/mcp/upstreams/everything`)[0]?.clone().json() as unknown;
    expect(sent).toEqual({ url: "http://10.0.0.1/mcp", headers: { "X-Key": "s3cret" } });
  });
});

test("who may bring in nothing is told why", async () => {
  new FakeHub().empty().on("GET /api/v1/session", () => ({ principal: "v", workspace: "default", scopes: ["agents:read"] }));
  visit("/agents");
  expect(await screen.findByRole("button", { name: "Bring in" })).toHaveAttribute("title", "Your token lacks the scope a2a:write");
});
