import { Skeleton } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";

import { mayPass, problemOf } from "~/api/problem";
import { useQueue } from "~/api/queues";
import type { Queue } from "~/api/resources";
import { Chip, ErrorState, Fact, Facts, PanelSection, RelativeTime, SidePanel, Sparkline, format } from "~/design";

import { Bulk } from "./bulk";
import { History } from "./history";
import { deadLettersOf, rates, workersOf } from "./list";
import { Messages } from "./messages";
import css from "./page.module.css";
import { Settings } from "./settings";
import { QueueState } from "./state";
import { Steer } from "./steer";
import { UnderWay } from "./under-way";

interface QueueDetailProps {
  name: string;
  onClose: () => void;
}

/** One queue: how it does, what lies in it, and everything that can be done to it. */
export function QueueDetail({ name, onClose }: QueueDetailProps) {
  const query = useQueue(name);
  const queue = query.data;
  const gone = query.isError && problemOf(query.error).status === 404;
  return (
    <SidePanel
      label="Queue"
      title={name}
      badge={queue && !gone && <QueueState queue={queue} testId="queue-state" />}
      onClose={onClose}
      testId="queue-detail"
      id={name}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && (!queue || gone) && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {queue && !gone && <Detail queue={queue} />}
      {gone && <History name={name} />}
    </SidePanel>
  );
}

function Detail({ queue }: { queue: Queue }) {
  const [started, setStarted] = useState<string[]>([]);
  return (
    <>
      <section className={css.stack} aria-label="Operate">
        <Steer queue={queue} />
        <Bulk
          queue={queue}
          onStarted={(job) => {
            setStarted([...started, job]);
          }}
        />
        <UnderWay name={queue.name} started={started} />
      </section>
      <HowItDoes queue={queue} />
      <Messages name={queue.name} />
      <Settings key={queue.name} queue={queue} />
      <History name={queue.name} />
    </>
  );
}

function HowItDoes({ queue }: { queue: Queue }) {
  const { oldest_age_s: age, trend = [], trend_s: step = 0, lanes = [] } = queue;
  return (
    <PanelSection title="How it does">
      <Facts>
        <Fact name="Waiting">{format.count(queue.depth)}</Fact>
        <Fact name="In flight">
          {format.count(queue.in_flight)} of at most {format.count(queue.max_in_flight)}
        </Fact>
        {age !== undefined && <Fact name="Oldest">{age === null ? "nothing waits" : `${format.age(age)} old`}</Fact>}
        {queue.in_per_s !== undefined && <Fact name="In / out">{rates(queue)}</Fact>}
        <Fact name="Workers">{workers(queue)}</Fact>
        <Fact name="Tried again">{format.count(queue.redelivered)}</Fact>
        <Fact name="Dead letters">
          {queue.dead === 0 ? "none" : <Link to={deadLettersOf(queue.name)}>{format.count(queue.dead)}</Link>}
        </Fact>
        <Fact name="Declared">
          <RelativeTime at={queue.created_at} /> · {format.moment(queue.created_at)}
        </Fact>
        {lanes.length > 0 && (
          <Fact name="By class">
            <span className={css.chips}>
              {lanes.filter(busy).map((lane) => (
                <Chip key={`${lane.priority} ${String(lane.partition)}`}>
                  {lane.priority}
                  {lane.partition !== null && ` ${String(lane.partition)}`}: {format.count(lane.depth + lane.in_flight)}
                </Chip>
              ))}
              {!lanes.some(busy) && "all are empty"}
            </span>
          </Fact>
        )}
      </Facts>
      {trend.length > 1 && (
        <figure className={css.trend}>
          <Sparkline values={trend} color="var(--tl-copper)" className={css.wideSpark} />
          <figcaption>Waiting over the last {format.age(step * trend.length)}</figcaption>
        </figure>
      )}
    </PanelSection>
  );
}

function workers(queue: Queue): string {
  const there = workersOf(queue);
  if (queue.workers !== undefined) return there === 0 ? "none runs" : format.count(there);
  return there === 0 ? "none asks for more" : `${format.count(there)} requests for work wait`;
}

function busy({ depth, in_flight: taken }: { depth: number; in_flight: number }): boolean {
  return depth + taken > 0;
}
