import { Button, TextInput } from "@mantine/core";
import { Archive, PencilLine, RotateCcw } from "lucide-react";
import { useState } from "react";

import { useDiscard, useRedrive } from "~/api/dead-letters";
import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import type { DeadLetter, DeadLetterDetail } from "~/api/resources";
import { Actions, ErrorState, Form, FormWide, GuardedButton, RelativeTime, Sentence, toast } from "~/design";

import css from "./detail.module.css";
import { Edit } from "./edit";
import { isWaiting } from "./picked";

/** The ways out of a dead letter: again as it was, edited, or put aside. What each does is said beforehand. */
export function Redrive({ detail }: { detail: DeadLetterDetail }) {
  const { letter } = detail;
  const [open, setOpen] = useState<"edit" | "discard" | null>(null);
  const redrive = useRedrive(letter.id);
  const mayRedrive = useDenied("dead_letters:redrive");
  const mayDiscard = useDenied("dead_letters:discard");
  const done = letter.redriven_at !== null || redrive.isSuccess;
  const target = `${letter.lane} ${letter.reader}`;
  const close = () => {
    setOpen(null);
  };
  return (
    <div className={css.redrive}>
      <div className={css.action}>
        <GuardedButton
          size="sm"
          denied={mayRedrive}
          leftSection={<RotateCcw size={15} />}
          disabled={done}
          loading={redrive.isPending}
          data-testid="redrive"
          onClick={() => {
            redrive.mutate({}, {
              onSuccess: () => {
                toast("ok", `Redriven to ${target}`, "It is on its way again.");
              },
            });
          }}
        >
          Redrive
        </GuardedButton>
        {!done && (
          <GuardedButton
            size="sm"
            variant="default"
            denied={mayRedrive}
            leftSection={<PencilLine size={15} />}
            aria-pressed={open === "edit"}
            onClick={() => {
              setOpen(open === "edit" ? null : "edit");
            }}
          >
            Edit…
          </GuardedButton>
        )}
        {isWaiting(letter) && !done && (
          <GuardedButton
            size="sm"
            variant="default"
            denied={mayDiscard}
            leftSection={<Archive size={15} />}
            aria-pressed={open === "discard"}
            onClick={() => {
              setOpen(open === "discard" ? null : "discard");
            }}
          >
            Discard…
          </GuardedButton>
        )}
        {open === null && (
          <p>{done || letter.discarded_at !== null ? <Done letter={letter} /> : `Goes back to ${target} at once, and only once.`}</p>
        )}
      </div>
      {open === "edit" && !done && <Edit detail={detail} onClose={close} />}
      {open === "discard" && !done && <Discard letter={letter} onClose={close} />}
      {redrive.isError && <ErrorState compact problem={problemOf(redrive.error)} />}
    </div>
  );
}

function Discard({ letter, onClose }: { letter: DeadLetter; onClose: () => void }) {
  const discard = useDiscard(letter.id);
  const [reason, setReason] = useState("");
  return (
    <Form
      label="Discard"
      onClose={onClose}
      onSubmit={() => {
        if (reason.trim() === "" || discard.isPending) return;
        discard.mutate(reason.trim(), {
          onSuccess: () => {
            toast("ok", "Discarded", "Its record stays.");
            onClose();
          },
        });
      }}
    >
      <FormWide>
        <TextInput
          label="Reason"
          placeholder="Why it needs no more attention"
          size="xs"
          required
          maxLength={1000}
          value={reason}
          onChange={(event) => {
            setReason(event.currentTarget.value);
          }}
        />
      </FormWide>
      <Actions>
        <Button type="submit" color="var(--tl-danger)" loading={discard.isPending} disabled={reason.trim() === ""}>
          Discard it
        </Button>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </Actions>
      <FormWide>
        <Sentence>Nothing is sent, and the record stays. It can still be redriven later.</Sentence>
        {discard.isError && <ErrorState compact problem={problemOf(discard.error)} />}
      </FormWide>
    </Form>
  );
}

function Done({ letter }: { letter: DeadLetter }) {
  if (letter.redriven_at !== null) {
    return (
      <>
        {letter.edited_by === null ? "Redriven" : "Edited and redriven"} <RelativeTime at={letter.redriven_at} />
        {letter.redriven_by !== null && ` by ${letter.redriven_by}`}
        {letter.redriven_to !== null && ` to queue ${letter.redriven_to}`}.
      </>
    );
  }
  if (letter.discarded_at === null) return "On its way again.";
  return (
    <>
      Discarded <RelativeTime at={letter.discarded_at} />
      {letter.discarded_by !== null && ` by ${letter.discarded_by}`}: {letter.discard_reason}
    </>
  );
}
