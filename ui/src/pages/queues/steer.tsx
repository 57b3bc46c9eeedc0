import { Droplets, Pause, Play } from "lucide-react";
import { useState } from "react";

import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import { useSteerQueue } from "~/api/queue-control";
import type { Verb } from "~/api/queue-control";
import type { Queue } from "~/api/resources";
import { Actions, ErrorState, GuardedButton, Sentence, toast } from "~/design";

import { Reason } from "./reason";
import { StateInWords, stateOf } from "./state";

const DONE: Record<Verb, string> = { pause: "is paused", drain: "takes nothing in", resume: "runs again" };

/** Pause, drain and resume, each with its reason. */
export function Steer({ queue }: { queue: Queue }) {
  const steer = useSteerQueue(queue.name);
  const denied = useDenied("queues:operate");
  const [reason, setReason] = useState("");
  const state = stateOf(queue);
  const press = (verb: Verb) => () => {
    steer.mutate(
      { verb, reason: reason.trim() },
      {
        onSuccess: () => {
          setReason("");
          toast("ok", `${queue.name} ${DONE[verb]}`);
        },
      },
    );
  };
  const doing = (verb: Verb) => steer.isPending && steer.variables.verb === verb;
  return (
    <>
      <Sentence testId="state-in-words">
        <StateInWords queue={queue} />
      </Sentence>
      {state !== "deleting" && (
        <>
          <Reason
            labelled={false}
            disabled={denied !== undefined}
            placeholder="Why? Shown beside the state, kept in the audit trail"
            value={reason}
            onValue={setReason}
          />
          <Actions label="State">
            {state !== "active" && (
              <GuardedButton denied={denied} leftSection={<Play size={14} />} loading={doing("resume")} onClick={press("resume")}>
                Resume
              </GuardedButton>
            )}
            {state !== "paused" && (
              <GuardedButton denied={denied} variant="default" leftSection={<Pause size={14} />} loading={doing("pause")} onClick={press("pause")}>
                Pause
              </GuardedButton>
            )}
            {state !== "draining" && (
              <GuardedButton denied={denied} variant="default" leftSection={<Droplets size={14} />} loading={doing("drain")} onClick={press("drain")}>
                Drain
              </GuardedButton>
            )}
          </Actions>
        </>
      )}
      {steer.isError && <ErrorState compact problem={problemOf(steer.error)} />}
    </>
  );
}
