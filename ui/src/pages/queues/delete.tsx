import { Button, Switch } from "@mantine/core";
import { Trash2 } from "lucide-react";
import { useState } from "react";

import { problemOf } from "~/api/problem";
import { useDeleteQueue } from "~/api/queue-control";
import { Actions, Dialog, ErrorState, Form, FormWide, Sentence, TypedConfirmation } from "~/design";

import { messages } from "./purge";
import type { OrderProps } from "./purge";
import { Reason } from "./reason";

/** An unused queue goes at once; one in use only where that is said, and nothing in it is lost. */
export function DeleteDialog({ queue, onClose, onOrdered }: OrderProps) {
  const { name, depth, in_flight: taken, workers, workers_waiting: asking } = queue;
  const remove = useDeleteQueue(name);
  const [force, setForce] = useState(false);
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  const attended = workers > 0 || asking > 0;
  const used = depth + taken > 0 || attended;
  return (
    <Dialog title={`Delete ${name}`} onClose={onClose}>
      <Form
        label={`Delete ${name}`}
        onSubmit={() => {
          if (sure) remove.mutate({ force, reason: reason.trim() }, { onSuccess: onOrdered });
        }}
      >
        <FormWide>
          <Sentence>
            {used
              ? `It holds ${messages(depth + taken)}${attended ? " and has workers" : ""}. By force it takes nothing in, workers get up to a minute to finish, and the rest goes to the dead letters.`
              : "It is empty and has no workers."}{" "}
            What is sent to this name later becomes a dead letter. Its settings stay in its history.
          </Sentence>
          {used && (
            <Switch
              size="xs"
              label="By force: what it still holds goes to the dead letters"
              checked={force}
              onChange={(event) => {
                setForce(event.currentTarget.checked);
              }}
            />
          )}
          <Reason value={reason} onValue={setReason} />
          <TypedConfirmation word={name} onTyped={setSure} />
          {remove.isError && <ErrorState compact problem={problemOf(remove.error)} />}
        </FormWide>
        <Actions>
          <Button
            type="submit"
            color="var(--tl-danger)"
            leftSection={<Trash2 size={14} />}
            loading={remove.isPending}
            disabled={!sure || (used && !force)}
          >
            Delete the queue
          </Button>
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
        </Actions>
      </Form>
    </Dialog>
  );
}
