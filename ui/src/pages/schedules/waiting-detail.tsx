import { Skeleton } from "@mantine/core";
import { CircleX, Zap } from "lucide-react";
import { Link } from "react-router";

import { useDenied } from "~/api/permission";
import { mayPass, problemOf } from "~/api/problem";
import type { ScheduledDetail } from "~/api/resources";
import { useCancelScheduled, useRunScheduled, useScheduledMessage } from "~/api/schedules";
import {
  Actions, AskButton, Chip, CopyButton, DueTime, ErrorState, Fact, Facts, GuardedButton, MessagePayload, RelativeTime, SidePanel, format,
  toast,
} from "~/design";

import css from "./page.module.css";

interface WaitingDetailProps {
  id: string;
  onClose: () => void;
}

/** One message that waits for its time: where it goes and when, what it says, and the way to hasten or stop it. */
export function WaitingDetail({ id, onClose }: WaitingDetailProps) {
  const query = useScheduledMessage(id);
  const detail = query.data;
  return (
    <SidePanel
      label="Message that waits"
      title={detail?.item.target ?? "Message"}
      badge={detail && <Chip>{detail.item.kind}</Chip>}
      onClose={onClose}
      testId="scheduled-detail"
      id={id}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && !detail && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {detail && <Detail detail={detail} onDone={onClose} />}
    </SidePanel>
  );
}

function Detail({ detail: { item, payload }, onDone }: { detail: ScheduledDetail; onDone: () => void }) {
  return (
    <>
      <section className={css.stack} aria-label="Operate">
        <Controls id={item.id} onDone={onDone} />
      </section>
      <Facts>
        <Fact name="Due">
          <DueTime at={item.due_at} /> · {format.moment(item.due_at)}
        </Fact>
        <Fact name="Goes to">
          {item.kind === "task" ? <Link to={`/queues/${encodeURIComponent(item.target)}`}>{item.target}</Link> : item.target}{" "}
          <Chip>{item.kind}</Chip>
        </Fact>
        {item.kind === "retry" && <Fact name="Attempt">it will be number {item.attempt}</Fact>}
        <Fact name="From">{item.by}</Fact>
        <Fact name="Sent">
          <RelativeTime at={item.scheduled_at} /> · {format.moment(item.scheduled_at)}
        </Fact>
        <Fact name="Message">
          <code>{item.message_id}</code>
          <CopyButton text={item.message_id} what="message id" />
          <Link to={`/trace/${encodeURIComponent(item.message_id)}`}>trace</Link>
        </Fact>
      </Facts>
      <MessagePayload payload={payload} encoding={typeof payload === "string" ? "text" : "json"} size_bytes={item.size_bytes} />
    </>
  );
}

function Controls({ id, onDone }: { id: string; onDone: () => void }) {
  const denied = useDenied("schedules:write");
  const run = useRunScheduled(id);
  const cancel = useCancelScheduled(id);
  const failed = [run, cancel].find(({ isError }) => isError);
  return (
    <>
      <Actions label="Controls">
        <GuardedButton
          denied={denied}
          variant="default"
          leftSection={<Zap size={14} />}
          loading={run.isPending}
          onClick={() => {
            run.mutate(undefined, {
              onSuccess: () => {
                toast("ok", "The message goes out now");
                onDone();
              },
            });
          }}
        >
          Let it go now
        </GuardedButton>
        <AskButton
          denied={denied}
          question="Take it back? It is gone for good"
          icon={<CircleX size={14} />}
          pending={cancel.isPending}
          onConfirm={() => {
            cancel.mutate(undefined, {
              onSuccess: () => {
                toast("ok", "The message is taken back");
                onDone();
              },
            });
          }}
        >
          Cancel
        </AskButton>
      </Actions>
      {failed && <ErrorState compact problem={problemOf(failed.error)} />}
    </>
  );
}
