import type { EventTypeDetail } from "~/api/resources";
import { Chip, PanelSection, Quiet, RelativeTime, Sentence, StateBadge, format } from "~/design";

import css from "./page.module.css";

/** Who says it: as declared, and as seen. */
export function Producers({ producers }: { producers: NonNullable<EventTypeDetail["producers"]> }) {
  return (
    <PanelSection title={`Who publishes it (${String(producers.length)})`}>
      {producers.length === 0 && <Sentence>Nobody that is known.</Sentence>}
      <ul className={css.people}>
        {producers.map(({ agent, principal, declared, observed, count, last_seen_at: last }) => (
          <li key={`${agent ?? ""} ${principal ?? ""}`} data-testid="producer">
            <span>
              <b>{agent ?? principal}</b> {agent != null && principal != null && <Quiet>as {principal}</Quiet>}
            </span>
            <span className={css.marks}>
              {declared === true && <Chip>declared</Chip>}
              {observed === true ? (
                <StateBadge state="observed" tone="ok" plain>
                  {format.count(count ?? 0)} seen
                </StateBadge>
              ) : (
                <StateBadge state="unseen" plain>
                  never seen
                </StateBadge>
              )}
              {observed === true && declared !== true && <Chip title="It publishes what it did not declare">not declared</Chip>}
              {last != null && (
                <Quiet>
                  <RelativeTime at={last} />
                </Quiet>
              )}
            </span>
          </li>
        ))}
      </ul>
    </PanelSection>
  );
}

/** Who listens. */
export function Consumers({ consumers }: { consumers: NonNullable<EventTypeDetail["consumers"]> }) {
  return (
    <PanelSection title={`Who consumes it (${String(consumers.length)})`}>
      {consumers.length === 0 && <Sentence>No group and no queue takes it.</Sentence>}
      <ul className={css.people}>
        {consumers.map(({ lane, name, agents = [], patterns = [] }) => (
          <li key={`${lane} ${name}`} data-testid="consumer">
            <span>
              <b>{name}</b> <Chip>{lane}</Chip>
            </span>
            <Quiet>
              {patterns.join(", ")}
              {agents.length > 0 ? ` by ${agents.join(", ")}` : " · no agent reads it now"}
            </Quiet>
          </li>
        ))}
      </ul>
    </PanelSection>
  );
}
