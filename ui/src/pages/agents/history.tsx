import { useAgentHistory } from "~/api/agents";
import type { AgentChange } from "~/api/resources";
import { LoadMore, PanelSection, Quiet, RelativeTime, StateBadge, Timeline, TimelineItem } from "~/design";
import type { Tone } from "~/design";

import css from "./page.module.css";

const TONES: Record<string, Tone> = { healthy: "ok", unhealthy: "danger", offline: "danger" };

/** How it was, and what became of its registration, the newest first. */
export function AgentHistory({ name }: { name: string }) {
  const history = useAgentHistory(name);
  const changes = history.data?.pages.flatMap((page) => page.items) ?? [];
  if (changes.length === 0) return null;
  return (
    <PanelSection title="History">
      <Timeline label="History">
        {changes.map((change) => (
          <TimelineItem key={change.revision} marker="·" tone={TONES[change.state ?? ""] ?? "neutral"} testId="agent-change">
            <span className={css.change}>
              <Words change={change} />
              <Quiet>
                <RelativeTime at={change.at} />
              </Quiet>
            </span>
          </TimelineItem>
        ))}
      </Timeline>
      <LoadMore list={history} />
    </PanelSection>
  );
}

function Words({ change: { change, state, reason, instance, version } }: { change: AgentChange }) {
  const whose = instance ? <code>{instance.slice(0, 12)}</code> : null;
  if (change !== "state") {
    return (
      <span>
        {change}
        {version ? ` as ${version}` : ""}
      </span>
    );
  }
  return (
    <span className={css.chips}>
      <StateBadge state={state ?? ""} plain />
      {whose}
      {reason ? <Quiet>{reason}</Quiet> : null}
    </span>
  );
}
