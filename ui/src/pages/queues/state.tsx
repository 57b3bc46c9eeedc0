import type { Queue } from "~/api/resources";
import { RelativeTime, StateBadge } from "~/design";

export type QueueState = "active" | "paused" | "draining" | "deleting";

export function stateOf({ status }: Queue): QueueState {
  return status?.state ?? "active";
}

const WORDS: Record<QueueState, string> = { active: "running", paused: "paused", draining: "draining", deleting: "deleting" };

/** Whether a queue takes work in and hands it out, in a word. */
export function QueueState({ queue, testId }: { queue: Queue; testId?: string }) {
  const state = stateOf(queue);
  return (
    <StateBadge state={state} {...(testId === undefined ? {} : { testId })}>
      {WORDS[state]}
    </StateBadge>
  );
}

const MEANS: Record<QueueState, string> = {
  active: "Takes work in and hands it out.",
  paused: "Hands out nothing; senders go on, what is in flight ends normally.",
  draining: "Takes nothing in; workers finish what is there.",
  deleting: "Neither takes work in nor hands it out: it is being deleted.",
};

/** What its state means; who said so, when and why. */
export function StateInWords({ queue }: { queue: Queue }) {
  const state = stateOf(queue);
  const { by = "", since, reason = "" } = queue.status ?? {};
  return (
    <>
      {MEANS[state]}
      {state !== "active" && by !== "" && (
        <>
          {" "}
          Said <b>{by}</b> {since != null && <RelativeTime at={since} />}
          {reason === "" ? "." : <>: “{reason}”</>}
        </>
      )}
    </>
  );
}
