import { Link } from "react-router";

import { problemOf } from "~/api/problem";
import type { Firing } from "~/api/resources";
import { useFirings } from "~/api/schedules";
import { ErrorState, ListFoot, LoadMore, PanelSection, Quiet, RelativeTime, Sentence, StateBadge, format } from "~/design";
import type { Tone } from "~/design";

import css from "./page.module.css";

const TONES: Record<Firing["outcome"], Tone> = { fired: "ok", manual: "accent", missed: "warn", failed: "danger" };
const WORDS: Record<Firing["outcome"], string> = { fired: "fired", manual: "fired by hand", missed: "missed", failed: "failed" };

/** How it fired, newest first. */
export function Firings({ name, timezone }: { name: string; timezone: string }) {
  const firings = useFirings(name);
  const rows = firings.data?.pages.flatMap((page) => page.items);
  return (
    <PanelSection title="Firings" aside={<Quiet>newest first</Quiet>}>
      {firings.isError && rows === undefined && <ErrorState compact problem={problemOf(firings.error)} />}
      {rows?.length === 0 && <Sentence>It did not fire yet.</Sentence>}
      <ul className={css.firings}>
        {rows?.map((firing) => (
          <li key={`${firing.planned_at} ${firing.at} ${firing.outcome}`} data-testid="firing">
            <StateBadge state={firing.outcome} tone={TONES[firing.outcome]}>
              {WORDS[firing.outcome]}
            </StateBadge>
            <span className={css.planned}>
              {format.momentIn(firing.planned_at, timezone)}{" "}
              <Quiet>
                <RelativeTime at={firing.at} />
              </Quiet>
              {firing.detail !== "" && <Sentence>{firing.detail}</Sentence>}
            </span>
            {firing.message_id !== null && <Link to={`/trace/${encodeURIComponent(firing.message_id)}`}>trace</Link>}
          </li>
        ))}
      </ul>
      <ListFoot>
        <LoadMore list={firings} />
      </ListFoot>
    </PanelSection>
  );
}
