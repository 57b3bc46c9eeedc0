import { Link } from "react-router";

import { useQuarantine } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import { ErrorState, PanelSection, Quiet, RelativeTime, format } from "~/design";

import css from "./page.module.css";

const SHOWN = 10;

/** The newest events that were stored though they do not fit. */
export function Quarantine({ type, total }: { type: string; total: number }) {
  const found = useQuarantine(type, SHOWN);
  return (
    <PanelSection title="Quarantine" aside={<Quiet>{format.count(total)} unfit</Quiet>}>
      {found.isError && <ErrorState compact problem={problemOf(found.error)} />}
      <ul className={css.people}>
        {found.data?.items.map((event) => (
          <li key={event.id} data-testid="quarantined">
            <span>
              <Link to={`/events/${String(event.seq)}`}>event {event.seq}</Link> from <b>{event.sender}</b>{" "}
              <Quiet>
                <RelativeTime at={event.at} />
              </Quiet>
            </span>
            {event.reasons.map((reason) => (
              <span key={reason.pointer} className={css.reason}>
                <code>{reason.pointer || "/"}</code> {reason.detail}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </PanelSection>
  );
}
