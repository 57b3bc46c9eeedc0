import { Button, NumberInput, Skeleton, TextInput } from "@mantine/core";
import { useState } from "react";

import { useBulk, useBulkPlan } from "~/api/dead-letters";
import { problemOf } from "~/api/problem";
import type { Job, LetterWork } from "~/api/resources";
import { Actions, Disclosure, ErrorState, Form, FormWide, Panel, Sentence, format, toast } from "~/design";
import { QueueInput } from "~/queues/queue-input";

import css from "./page.module.css";
import type { Asked } from "./picked";
import { reasonLabel } from "./reasons";

interface BulkProps {
  asked: Asked;
  onClose: () => void;
  onOrdered: (job: Job) => void;
}

const TITLES = { redrive: "Redrive dead letters", discard: "Discard dead letters" };

/** Counts first, then asks, then orders the job for exactly what was counted. */
export function Bulk({ asked, onClose, onOrdered }: BulkProps) {
  const plan = useBulkPlan(asked.verb, asked.filter);
  const title = TITLES[asked.verb];
  return (
    <Panel title={title} label={title}>
      <div className={css.bulk} data-testid="bulk">
        {plan.isPending && <Skeleton height={64} radius="md" />}
        {plan.isError && <ErrorState compact problem={problemOf(plan.error)} onRetry={() => void plan.refetch()} />}
        {plan.data?.count === 0 && <Sentence>None of them waits any more.</Sentence>}
        {plan.data && plan.data.count > 0 && <Order asked={asked} plan={plan.data} onClose={onClose} onOrdered={onOrdered} />}
        {(plan.data?.count === 0 || plan.isError) && (
          <Actions>
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
          </Actions>
        )}
      </div>
    </Panel>
  );
}

function letters(count: number): string {
  return count === 1 ? "1 letter" : `${format.count(count)} letters`;
}

function Order({ asked: { verb, filter }, plan, onClose, onOrdered }: BulkProps & { plan: LetterWork }) {
  const bulk = useBulk(verb);
  const [queue, setQueue] = useState("");
  const [rate, setRate] = useState<string | number>("");
  const [reason, setReason] = useState("");
  const redrives = verb === "redrive";
  const ready = redrives || reason.trim() !== "";
  const onSubmit = () => {
    if (!ready || bulk.isPending) return;
    bulk.mutate(
      {
        filter,
        plan,
        reason: reason.trim(),
        queue: queue.trim() === "" ? null : queue.trim(),
        rate_per_s: rate === "" || Number(rate) === 0 ? null : Number(rate),
      },
      {
        onSuccess: ({ job }) => {
          toast("ok", `${letters(plan.count)} to ${verb}`, "The job is ordered; it can be paused and cancelled.");
          if (job) onOrdered(job);
          onClose();
        },
      },
    );
  };
  return (
    <Form label={TITLES[verb]} onSubmit={onSubmit} onClose={onClose}>
      <FormWide>
        <Sentence>
          {redrives
            ? `${letters(plan.count)} wait and match. Each goes again as it was, and keeps its id; what dies again is a new letter.`
            : `${letters(plan.count)} wait and match. They are put aside for good: nothing is sent, and their records stay.`}
        </Sentence>
        <Examples plan={plan} />
      </FormWide>
      {redrives ? (
        <>
          <QueueInput label="Send to" placeholder="where it came from" value={queue} onValue={setQueue} />
          <NumberInput
            label="At most"
            placeholder="as fast as it goes"
            size="xs"
            min={0}
            allowNegative={false}
            hideControls
            suffix=" letters a second"
            value={rate}
            onChange={setRate}
          />
        </>
      ) : (
        <FormWide>
          <TextInput
            label="Reason"
            placeholder="Why they need no more attention"
            size="xs"
            required
            maxLength={1000}
            value={reason}
            onChange={(event) => {
              setReason(event.currentTarget.value);
            }}
          />
        </FormWide>
      )}
      <Actions>
        <Button type="submit" color={redrives ? undefined : "var(--tl-danger)"} loading={bulk.isPending} disabled={!ready}>
          {`${redrives ? "Redrive" : "Discard"} ${letters(plan.count)}`}
        </Button>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </Actions>
      {bulk.isError && (
        <FormWide>
          <ErrorState compact problem={problemOf(bulk.error)} />
        </FormWide>
      )}
    </Form>
  );
}

/** The first of them, so that a wrong filter is seen. */
function Examples({ plan }: { plan: LetterWork }) {
  const rest = plan.count - plan.sample.length;
  return (
    <Disclosure summary={rest > 0 ? `The first ${String(plan.sample.length)}` : "Which"}>
      <ul className={css.examples}>
        {plan.sample.map((letter) => (
          <li key={letter.id}>
            <b>{letter.type}</b> of {letter.reader}: {letter.error || reasonLabel(letter.reason)}
          </li>
        ))}
        {rest > 0 && <li>and {format.count(rest)} more</li>}
      </ul>
    </Disclosure>
  );
}
