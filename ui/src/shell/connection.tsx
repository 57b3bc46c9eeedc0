import { Unplug, WifiOff } from "lucide-react";

import { Banner, StateBadge } from "~/design";
import { useLiveOverview } from "~/live/overview";

const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  paused: "Paused",
};

/** How the page hears from the hub. */
export function ConnectionState() {
  const { state } = useLiveOverview();
  return (
    <span role="status">
      <StateBadge state={state} pulse={state === "live"} plain testId="connection-state">
        {WORDS[state]}
      </StateBadge>
    </span>
  );
}

/** Says in one line when what is shown may be old. */
export function ConnectionBanners() {
  const { state, overview } = useLiveOverview();
  if (state === "reconnecting") {
    return (
      <Banner icon={WifiOff} tone="warn" title="Reconnecting…" testId="banner-reconnecting">
        The hub does not answer; what you see is the last it said. This page picks up by itself.
      </Banner>
    );
  }
  if (overview !== null && !overview.bus_up) {
    return (
      <Banner icon={Unplug} tone="danger" title="The broker is away." testId="banner-bus-down">
        The hub answers, but messages do not move. Numbers stand still until the broker is back.
      </Banner>
    );
  }
  return null;
}
