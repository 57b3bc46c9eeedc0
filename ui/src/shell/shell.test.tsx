import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";

import { FakeHub } from "~/test/hub";
import { letter } from "~/test/samples";
import { visit } from "~/test/visit";

test("the theme is chosen once and kept", async () => {
  new FakeHub().empty();
  const user = visit("/");
  await user.click(await screen.findByTestId("theme-toggle"));
  await waitFor(() => {
    expect(document.documentElement).toHaveAttribute("data-mantine-color-scheme", "dark");
  });
  expect(localStorage.getItem("trunkline-theme")).toBe("dark");
  await user.click(screen.getByTestId("theme-toggle"));
  expect(localStorage.getItem("trunkline-theme")).toBe("light");
});

test("two keys go to a page, one to its filter, another shows them all", async () => {
  new FakeHub().empty();
  const user = visit("/");
  await screen.findByTestId("overview");
  await user.keyboard("gd");
  expect(await screen.findByRole("heading", { name: "Dead letters" })).toBeVisible();
  await user.keyboard("/");
  expect(screen.getByPlaceholderText("Any reader")).toHaveFocus();
  await user.keyboard("{Escape}");
  (document.activeElement as HTMLElement).blur();
  await user.keyboard("?");
  expect(await screen.findByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
});

test("rows are walked with the arrows and opened with Enter; Escape closes", async () => {
  new FakeHub()
    .empty()
    .on("GET /api/v1/w/default/dead-letters", () => ({ items: [letter(), letter({ id: "dl-2" })], next: null }));
  const user = visit("/dead-letters");
  const [first, second] = await screen.findAllByTestId("dead-row");
  first?.focus();
  await user.keyboard("{ArrowDown}");
  expect(second).toHaveFocus();
  await user.keyboard("{Enter}");
  expect(window.location.pathname).toBe("/dead-letters/dl-2");
  await user.keyboard("{ArrowUp}");
  expect(window.location.pathname).toBe("/dead-letters/dl-1");
  await user.keyboard("{Escape}");
  expect(window.location.pathname).toBe("/dead-letters");
});
