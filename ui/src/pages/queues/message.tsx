import { CircleX } from "lucide-react";
import { Link } from "react-router";

import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import { useCancelMessage } from "~/api/queue-control";
import { useQueuedMessage } from "~/api/queues";
import type { QueuedMessage } from "~/api/resources";
import {
  Actions, AskButton, CopyButton, Disclosure, ErrorState, Fact, Facts, MessagePayload, Quiet, format, toast,
} from "~/design";

import css from "./page.module.css";

interface MessageProps {
  queue: string;
  /** As the list has it, its payload cut short. */
  message: QueuedMessage;
}

/** One message, whole: what it says, its headers, and the way out of the queue. */
export function Message({ queue, message }: MessageProps) {
  const whole = useQueuedMessage(queue, message.seq);
  const { payload, payload_encoding: encoding, payload_truncated: truncated, headers, size_bytes: size } = whole.data ?? message;
  const entries = Object.entries(headers);
  return (
    <div className={css.opened} data-testid="opened-message">
      <Facts>
        <Fact name="Enqueued">{format.moment(message.enqueued_at)}</Fact>
        <Fact name="Message">
          <code>{message.id}</code>
          <CopyButton text={message.id} what="message id" />
          <Link to={`/trace/${encodeURIComponent(message.id)}`}>trace</Link>
        </Fact>
        <Fact name="Sequence">{message.seq}</Fact>
      </Facts>
      <MessagePayload payload={payload} encoding={encoding} size_bytes={size} truncated={truncated} />
      {entries.length > 0 && (
        <Disclosure summary={`Headers (${String(entries.length)})`}>
          <Facts>
            {entries.map(([name, value]) => (
              <Fact key={name} name={name}>
                <code>{value}</code>
              </Fact>
            ))}
          </Facts>
        </Disclosure>
      )}
      <Cancel queue={queue} message={message} />
    </div>
  );
}

function Cancel({ queue, message: { seq, state } }: MessageProps) {
  const cancel = useCancelMessage(queue);
  const lacking = useDenied("queues:operate");
  const denied = lacking ?? (state === "taken" ? "A worker has it in its hands" : undefined);
  return (
    <>
      <Actions>
        <AskButton
          size="compact-xs"
          question="Take it out for good?"
          icon={<CircleX size={13} />}
          pending={cancel.isPending}
          denied={denied}
          onConfirm={() => {
            cancel.mutate(
              { seq, reason: "" },
              {
                onSuccess: () => {
                  toast("ok", "The message is cancelled", "A discarded dead letter keeps it.");
                },
              },
            );
          }}
        >
          Cancel the message
        </AskButton>
        <Quiet>{denied ?? "A discarded dead letter keeps it."}</Quiet>
      </Actions>
      {cancel.isError && <ErrorState compact problem={problemOf(cancel.error)} />}
    </>
  );
}
