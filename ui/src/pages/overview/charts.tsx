import type { Sample } from "~/api/resources";
import { AreaChart, Panel } from "~/design";

import css from "./tables.module.css";

const SPAN_S = 120;
const MEAN_S = 3;

/** Each second's mean with the two before it: the course rather than the jitter. */
function calmed(values: number[]): number[] {
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - MEAN_S + 1), i + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

export function Throughput({ history }: { history: Sample[] }) {
  return (
    <Panel title="Throughput" aside={<span className={css.aside}>mean of {MEAN_S} s</span>}>
      <AreaChart
        label="Events and tasks per second over the last two minutes"
        span={SPAN_S}
        unit="/s"
        times={history.map((sample) => sample.at)}
        series={[
          { label: "Events", color: "var(--tl-copper)", values: calmed(history.map((sample) => sample.events_per_s)) },
          { label: "Tasks", color: "var(--tl-slate)", values: calmed(history.map((sample) => sample.tasks_per_s)) },
        ]}
      />
    </Panel>
  );
}

export function Backlog({ history }: { history: Sample[] }) {
  return (
    <Panel title="Backlog" aside={<span className={css.aside}>queues</span>}>
      <AreaChart
        label="Messages waiting in queues and in flight over the last two minutes"
        span={SPAN_S}
        times={history.map((sample) => sample.at)}
        series={[
          { label: "Waiting", color: "var(--tl-slate)", values: history.map((sample) => sample.depth) },
          { label: "In flight", color: "var(--tl-copper)", values: history.map((sample) => sample.in_flight) },
        ]}
      />
    </Panel>
  );
}
