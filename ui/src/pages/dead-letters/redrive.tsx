import { Button } from "@mantine/core";
import { RotateCcw } from "lucide-react";

import { useRedrive } from "~/api/dead-letters";
import { problemOf } from "~/api/problem";
import type { DeadLetter } from "~/api/resources";
import { ErrorState, RelativeTime, toast } from "~/design";

import css from "./detail.module.css";

/** Sends the letter back, once. No question is asked, so what it does is said beforehand. */
export function Redrive({ letter }: { letter: DeadLetter }) {
  const redrive = useRedrive(letter.id);
  const done = letter.redriven_at !== null || redrive.isSuccess;
  const target = `${letter.lane} ${letter.reader}`;
  return (
    <div className={css.redrive}>
      <div className={css.action}>
        <Button
          size="sm"
          leftSection={<RotateCcw size={15} />}
          disabled={done}
          loading={redrive.isPending}
          data-testid="redrive"
          onClick={() => {
            redrive.mutate(undefined, {
              onSuccess: () => {
                toast("ok", `Redriven to ${target}`, "It is on its way again.");
              },
            });
          }}
        >
          Redrive
        </Button>
        <p>
          {done ? <Done letter={letter} /> : `Goes back to ${target} at once, and only once. It can't be taken back.`}
        </p>
      </div>
      {redrive.isError && <ErrorState compact problem={problemOf(redrive.error)} />}
    </div>
  );
}

function Done({ letter }: { letter: DeadLetter }) {
  if (letter.redriven_at === null) return "On its way again.";
  return (
    <>
      Redriven <RelativeTime at={letter.redriven_at} />
      {letter.redriven_by !== null && ` by ${letter.redriven_by}`}
      .
    </>
  );
}
