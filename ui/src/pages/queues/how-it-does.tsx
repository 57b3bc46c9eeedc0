import { Link } from "react-router";

import type { Queue } from "~/api/resources";
import { Fact, Facts, PanelSection, RelativeTime, Sparkline, format } from "~/design";

import { Lanes } from "./lanes";
import { deadLettersOf, rates } from "./list";
import css from "./page.module.css";

/** A queue in figures: what waits, how fast it goes, and who works. */
export function HowItDoes({ queue }: { queue: Queue }) {
  const { depth, in_flight: taken, oldest_age_s: age, trend, trend_s: step, dead, max_messages: most } = queue;
  return (
    <PanelSection title="How it does">
      <Facts>
        <Fact name="Waiting">
          {format.count(depth)}
          {most > 0 && ` of at most ${format.count(most)}`}
        </Fact>
        <Fact name="In flight">
          {format.count(taken)} of at most {format.count(queue.max_in_flight)}
        </Fact>
        <Fact name="Oldest">{age === null ? "nothing waits" : `${format.age(age)} old`}</Fact>
        <Fact name="In / out">{rates(queue)}</Fact>
        <Fact name="Workers">{workers(queue)}</Fact>
        <Fact name="Tried again">{format.count(queue.redelivered)}</Fact>
        <Fact name="Dead letters">
          {dead === 0 ? "none" : <Link to={deadLettersOf(queue.name)}>{format.count(dead)}</Link>}
        </Fact>
        <Fact name="Declared">
          <RelativeTime at={queue.created_at} /> · {format.moment(queue.created_at)}
        </Fact>
      </Facts>
      {trend.length > 1 && (
        <figure className={css.trend}>
          <Sparkline values={trend} color="var(--tl-copper)" className={css.wideSpark} />
          <figcaption>
            Waiting over the last {format.age(step * trend.length)}, at most {format.count(Math.max(...trend))}
          </figcaption>
        </figure>
      )}
      <Lanes queue={queue} />
    </PanelSection>
  );
}

/** Agents that run, and how many messages they are ready to take. */
function workers({ workers: running, workers_waiting: asking }: Queue): string {
  const who = running === 0 ? "none runs" : format.count(running);
  if (asking === 0) return running === 0 ? who : `${who}, none asks for more`;
  return `${who}, ${format.count(asking)} requests for work wait`;
}
