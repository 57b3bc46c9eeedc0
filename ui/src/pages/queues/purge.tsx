import { Button, Switch } from "@mantine/core";
import { Eraser } from "lucide-react";
import { useEffect, useState } from "react";

import { problemOf } from "~/api/problem";
import { usePurge } from "~/api/queue-control";
import type { Queue, QueueWork } from "~/api/resources";
import { Actions, Dialog, ErrorState, Form, FormWide, Sentence, TypedConfirmation, format } from "~/design";

import { Reason } from "./reason";

export interface OrderProps {
  queue: Queue;
  onClose: () => void;
  onOrdered: (work: QueueWork) => void;
}

/** "3 messages". */
export function messages(count: number): string {
  return count === 1 ? "1 message" : `${format.count(count)} messages`;
}

/** Counts first; then empties the queue of what was counted, and of nothing that came since. */
export function PurgeDialog({ queue: { name }, onClose, onOrdered }: OrderProps) {
  const { mutate: count, ...counting } = usePurge(name);
  const purge = usePurge(name);
  const [inFlight, setInFlight] = useState(false);
  const [keep, setKeep] = useState(false);
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  useEffect(() => {
    count({ dry_run: true, in_flight: inFlight });
  }, [count, inFlight]);
  const found = counting.data;
  const order = () => {
    if (found === undefined || !sure) return;
    const { count: expected_at_most, up_to } = found;
    purge.mutate(
      { expected_at_most, up_to, in_flight: inFlight, to_dead_letters: keep, reason: reason.trim() },
      { onSuccess: onOrdered },
    );
  };
  return (
    <Dialog title={`Purge ${name}`} onClose={onClose}>
      <Form label={`Purge ${name}`} onSubmit={order}>
        <FormWide>
          <Sentence testId="purge-count">
            {found === undefined ? "Counting…" : <Told found={found} keep={keep} />}
          </Sentence>
          <Switch
            size="xs"
            label="Keep each as a dead letter, which can be redriven"
            checked={keep}
            onChange={(event) => {
              setKeep(event.currentTarget.checked);
            }}
          />
          <Switch
            size="xs"
            label="Also what workers have in their hands; they are not told"
            checked={inFlight}
            onChange={(event) => {
              setInFlight(event.currentTarget.checked);
            }}
          />
          <Reason value={reason} onValue={setReason} />
          <TypedConfirmation word={name} onTyped={setSure} />
          {counting.isError && <ErrorState compact problem={problemOf(counting.error)} />}
          {purge.isError && <ErrorState compact problem={problemOf(purge.error)} />}
        </FormWide>
        <Actions>
          <Button
            type="submit"
            color="var(--tl-danger)"
            leftSection={<Eraser size={14} />}
            loading={purge.isPending}
            disabled={!sure || found === undefined || found.count === 0 || counting.isPending}
          >
            {found === undefined ? "Purge" : `Purge ${messages(found.count)}`}
          </Button>
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
        </Actions>
      </Form>
    </Dialog>
  );
}

function Told({ found, keep }: { found: QueueWork; keep: boolean }) {
  if (found.count === 0) return <>There is nothing to purge.</>;
  return (
    <>
      <b>{messages(found.count)}</b> {found.count === 1 ? "goes" : "go"} {keep ? "to the dead letters" : "for good"}. What is
      sent from now on stays.
    </>
  );
}
