import { Link } from "react-router";

import { useQuarantine } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import { ErrorState, PanelSection, RelativeTime, format } from "~/design";

import css from "./page.module.css";

const SHOWN = 10;

/** The newest events that were stored though they do not fit. */
export function Quarantine({ type, total }: { type: string; total: number }) {
  const found = useQuarantine(type, SHOWN);
  return (
    <PanelSection title="Quarantine" aside={<span className={css.quiet}>{format.count(total)} unfit</span>}>
      {found.isError && <ErrorState compact problem={problemOf(found.error)} />}
      <ul className={css.people}>
        {found.data?.items.map((event) => (
          <li key={event.id} data-testid="quarantined">
            <span>
              <Link to={`/events/${String(event.seq)}`}>event {event.seq}</Link> from <b>{event.sender}</b>{" "}
              <span className={css.quiet}>
                <RelativeTime at={event.at} />
              </span>
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
