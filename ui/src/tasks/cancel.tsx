import { Button, TextInput } from "@mantine/core";
import { Square } from "lucide-react";
import { useState } from "react";

import { problemOf } from "~/api/problem";
import type { Task } from "~/api/resources";
import { useCancelTask, useSteeringDenied } from "~/api/tasks";
import { Actions, ErrorState, Form, FormWide, GuardedButton, toast } from "~/design";

/** Calls it off; whoever works on it is told why. */
export function Cancel({ task }: { task: Task }) {
  const cancel = useCancelTask(task.id);
  const denied = useSteeringDenied(task);
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  if (!asking) {
    return (
      <GuardedButton
        denied={denied}
        variant="default"
        leftSection={<Square size={14} />}
        onClick={() => {
          setAsking(true);
        }}
      >
        Cancel…
      </GuardedButton>
    );
  }
  const close = () => {
    setAsking(false);
  };
  return (
    <Form
      label="Cancel the task"
      onClose={close}
      onSubmit={() => {
        cancel.mutate(reason.trim(), {
          onSuccess: () => {
            toast("ok", "The task is called off", `${task.agent} is told`);
          },
        });
      }}
    >
      <FormWide>
        <TextInput
          size="xs"
          label="Reason"
          placeholder="Told to whoever works on it"
          maxLength={1000}
          value={reason}
          onChange={(event) => {
            setReason(event.currentTarget.value);
          }}
        />
        {cancel.isError && <ErrorState compact problem={problemOf(cancel.error)} />}
      </FormWide>
      <Actions>
        <Button type="submit" color="var(--tl-danger)" leftSection={<Square size={14} />} loading={cancel.isPending}>
          Cancel the task
        </Button>
        <Button variant="default" onClick={close}>
          Leave it
        </Button>
      </Actions>
    </Form>
  );
}
