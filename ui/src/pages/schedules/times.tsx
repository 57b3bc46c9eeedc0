import { DueTime, Quiet, format } from "~/design";

import css from "./page.module.css";

/** The next times, on the clocks of the schedule's zone. */
export function Times({ next, timezone }: { next: string[]; timezone: string }) {
  return (
    <ol className={css.times} aria-label="Next times" data-testid="next-times">
      {next.map((at) => (
        <li key={at}>
          <span>{format.momentIn(at, timezone)}</span>
          <Quiet>
            <DueTime at={at} />
          </Quiet>
        </li>
      ))}
    </ol>
  );
}
