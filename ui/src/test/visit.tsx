import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";

import { App } from "~/app";
import { PAGES } from "~/pages";

// Loaded beforehand: no test waits for code.
await Promise.all(PAGES.map(({ lazy }) => lazy()));

/** Open the dashboard at an address, as a browser would. */
export function visit(address: string) {
  window.history.replaceState(null, "", address);
  render(<App env="test" />);
  return userEvent.setup();
}
