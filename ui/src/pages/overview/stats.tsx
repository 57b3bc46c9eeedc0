import { Link } from "react-router";

import type { Overview, Sample } from "~/api/resources";
import { StatTile, format } from "~/design";

import css from "./page.module.css";

const TREND_S = 60;
const MEAN_S = 3;

function messagesPerSecond(sample: Sample): number {
  return sample.events_per_s + sample.tasks_per_s;
}

/** Single seconds jump about; a short mean is what the eye can follow. */
function currentRate(overview: Overview): number {
  if (!overview.bus_up) return 0;
  const latest = overview.history.slice(-MEAN_S);
  return latest.reduce((sum, sample) => sum + messagesPerSecond(sample), 0) / Math.max(1, latest.length);
}

export function Stats({ overview }: { overview: Overview }) {
  const recent = overview.history.slice(-TREND_S);
  const now = overview.history.at(-1);
  const depth = now?.depth ?? 0;
  return (
    <div className={css.stats}>
      <StatTile
        testId="stat-agents-up"
        label="Agents up"
        value={overview.agents_up}
        unit={`/ ${String(overview.agents_total)}`}
        hint={agentsHint(overview)}
      />
      <StatTile
        testId="stat-rate"
        label="Messages per second"
        value={format.rate(currentRate(overview))}
        unit="/s"
        hint={
          <span data-testid="events-total" data-value={overview.events_total}>
            {format.count(overview.events_total)} events · {format.count(overview.tasks_total)} tasks
          </span>
        }
        trend={recent.map(messagesPerSecond)}
        color="var(--tl-copper)"
      />
      <StatTile
        testId="stat-depth"
        label="Queue depth"
        value={format.count(depth)}
        hint={`${format.count(now?.in_flight ?? 0)} in flight`}
        trend={recent.map((sample) => sample.depth)}
        color="var(--tl-slate)"
      />
      <Link to="/dead-letters" aria-label={`${String(overview.dead_waiting)} dead letters waiting`}>
        <StatTile
          testId="stat-dead"
          label="Dead letters waiting"
          value={format.count(overview.dead_waiting)}
          hint={`${format.count(overview.dead_total)} in all`}
          alarm={overview.dead_waiting > 0}
          trend={recent.map((sample) => sample.dead)}
          color={overview.dead_waiting > 0 ? "var(--tl-danger)" : "var(--tl-text-3)"}
        />
      </Link>
      <StatTile
        testId="stat-failed"
        label="Failed attempts"
        value={format.count(overview.attempts_failed)}
        hint="retried, or dead-lettered"
      />
    </div>
  );
}

function agentsHint({ agents_up: up, agents_total: total }: Overview): string {
  if (total === 0) return "none has registered yet";
  return up === total ? "all are up" : `${String(total - up)} away`;
}
