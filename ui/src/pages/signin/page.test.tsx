import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";

import { FakeHub, NOBODY, problem } from "~/test/hub";
import { visit } from "~/test/visit";

const WHO = { principal: "admin", workspace: "*", scopes: ["*"] };

test("a link's secret becomes a session, and leaves the address bar", async () => {
  const hub = new FakeHub().empty().on("GET /api/v1/session", () => NOBODY).on("POST /api/v1/session", () => WHO);
  visit("/signin#s3cret");
  expect(await screen.findByTestId("overview")).toBeVisible();
  expect(window.location.pathname + window.location.hash).toBe("/");
  const [request] = hub.asked("POST /api/v1/session");
  expect(await request?.json()).toEqual({ secret: "s3cret" });
  expect(request?.headers.get("X-Trunkline-Session")).toBe("1");
});

test("a used link says so, and how to get another", async () => {
  const title = "The sign-in link was used already or has expired";
  new FakeHub()
    .on("GET /api/v1/session", () => NOBODY)
    .on("POST /api/v1/session", () => problem(401, "access.signin_link_invalid", title));
  visit("/signin#used");
  expect(await screen.findByText(title)).toBeVisible();
  expect(screen.getByText("trunkline signin")).toBeVisible();
});

test("a pasted link signs in, too", async () => {
  const hub = new FakeHub().empty().on("GET /api/v1/session", () => NOBODY).on("POST /api/v1/session", () => WHO);
  const user = visit("/signin");
  await user.type(await screen.findByLabelText("Sign-in link"), "http://127.0.0.1:8400/signin#abc{Enter}");
  expect(await screen.findByTestId("overview")).toBeVisible();
  expect(await hub.asked("POST /api/v1/session")[0]?.json()).toEqual({ secret: "abc" });
});

test("who is not signed in is sent to the sign-in page, from any address", async () => {
  new FakeHub().on("GET /api/v1/session", () => NOBODY);
  visit("/dead-letters/dl-1");
  expect(await screen.findByTestId("signin-page")).toBeVisible();
});

test("a 401 in the middle leads to the sign-in page", async () => {
  new FakeHub().empty().on("GET /api/v1/w/default/agents", () => NOBODY);
  visit("/");
  expect(await screen.findByTestId("signin-page")).toBeVisible();
});

test("signing out ends the session at the hub", async () => {
  const hub = new FakeHub().empty().on("DELETE /api/v1/session", () => null);
  const user = visit("/");
  await user.click(await screen.findByRole("button", { name: /account menu/ }));
  hub.on("GET /api/v1/session", () => NOBODY);
  await user.click(await screen.findByRole("menuitem", { name: "Sign out" }));
  expect(await screen.findByTestId("signin-page")).toBeVisible();
  await waitFor(() => {
    expect(hub.asked("DELETE /api/v1/session")[0]?.headers.get("X-Trunkline-Session")).toBe("1");
  });
});
