import { Button } from "@mantine/core";
import { useState } from "react";

import { useRedrive } from "~/api/dead-letters";
import { problemOf } from "~/api/problem";
import type { DeadLetterDetail, RedriveRequest } from "~/api/resources";
import { Actions, ErrorState, Form, FormWide, JsonField, Quiet, Sentence, toast } from "~/design";
import { QueueInput } from "~/queues/queue-input";

import { dataOf, read } from "./payload-text";

interface EditProps {
  detail: DeadLetterDetail;
  onClose: () => void;
}

/** Send the letter with other data, to another queue, or both. */
export function Edit({ detail, onClose }: EditProps) {
  const { letter } = detail;
  const redrive = useRedrive(letter.id);
  const original = dataOf(detail);
  const [text, setText] = useState(original.text);
  const [queue, setQueue] = useState("");
  const isChanged = original.reason === undefined && text !== original.text;
  const typed = isChanged ? read(text) : {};
  const elsewhere = queue.trim();
  const ready = typed.wrong === undefined && (isChanged || elsewhere !== "");
  const onSubmit = () => {
    if (!ready || redrive.isPending) return;
    const wanted: RedriveRequest = {
      ...(isChanged ? { edited: { data: typed.data } } : {}),
      ...(elsewhere === "" ? {} : { queue: elsewhere }),
    };
    redrive.mutate(wanted, {
      onSuccess: () => {
        toast("ok", `Redriven to ${elsewhere === "" ? `${letter.lane} ${letter.reader}` : `queue ${elsewhere}`}`);
        onClose();
      },
    });
  };
  return (
    <Form label="Edit and redrive" onSubmit={onSubmit} onClose={onClose}>
      <FormWide>
        {original.reason === undefined ? (
          <JsonField label="Data" value={text} error={typed.wrong} onChange={setText} />
        ) : (
          <Sentence>{original.reason}</Sentence>
        )}
      </FormWide>
      <QueueInput label="Send to" placeholder="where it came from" value={queue} onValue={setQueue} />
      <Actions>
        <Button type="submit" loading={redrive.isPending} disabled={!ready}>
          {isChanged ? "Redrive edited" : "Redrive there"}
        </Button>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Quiet>Its id and all else stay; the letter keeps the original.</Quiet>
      </Actions>
      {redrive.isError && (
        <FormWide>
          <ErrorState compact problem={problemOf(redrive.error)} />
        </FormWide>
      )}
    </Form>
  );
}
