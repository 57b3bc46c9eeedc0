import { History } from "lucide-react";
import { useNavigate } from "react-router";

import type { EventFilter } from "~/api/events";
import { useDenied } from "~/api/permission";
import { GuardedButton } from "~/design";

/** Leads to a new replay with the explorer's filter carried over. */
export function ReplayThese({ filter }: { filter: EventFilter }) {
  const navigate = useNavigate();
  const denied = useDenied("events:replay");
  // To leave a condition out without a word would replay more than is in view.
  const odd = filter.sender !== null || filter.id !== null || filter.trace !== null;
  return (
    <GuardedButton
      size="compact-xs"
      variant="default"
      denied={denied ?? (odd ? "A replay can't be chosen by sender, event id or trace" : undefined)}
      leftSection={<History size={13} />}
      onClick={() => void navigate(`/replays?${carried(filter)}`)}
    >
      Replay these
    </GuardedButton>
  );
}

function carried({ type, subject, correlation, last_ms }: EventFilter): string {
  const since = last_ms === null ? null : new Date(Date.now() - last_ms).toISOString();
  const params = new URLSearchParams({ new: "" });
  for (const [name, value] of Object.entries({ type, subject, correlation, since })) {
    if (value !== null) params.set(name, value);
  }
  return params.toString();
}
