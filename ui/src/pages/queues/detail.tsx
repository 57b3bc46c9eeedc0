import { Skeleton } from "@mantine/core";

import { mayPass, problemOf } from "~/api/problem";
import { useQueue } from "~/api/queues";
import type { Queue } from "~/api/resources";
import { ErrorState, SidePanel } from "~/design";
import { JobStrip } from "~/jobs/strip";

import { Bulk } from "./bulk";
import { History } from "./history";
import { HowItDoes } from "./how-it-does";
import { Messages } from "./messages";
import css from "./page.module.css";
import { Settings } from "./settings";
import { QueueState } from "./state";
import { Steer } from "./steer";
import { useWorks } from "./works";

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
  const works = useWorks(queue.name);
  return (
    <>
      <section className={css.stack} aria-label="Operate">
        <Steer queue={queue} />
        <Bulk queue={queue} onStarted={works.watch} />
        <JobStrip label="Bulk work" jobs={works.shown} onDismiss={works.dismiss} />
      </section>
      <HowItDoes queue={queue} />
      <Messages name={queue.name} />
      <Settings key={queue.name} queue={queue} />
      <History name={queue.name} />
    </>
  );
}
