import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";

import { App } from "~/app";

/** Open the dashboard at an address, as a browser would. */
export function visit(address: string) {
  window.history.replaceState(null, "", address);
  render(<App env="test" />);
  return userEvent.setup();
}
