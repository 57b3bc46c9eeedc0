import { Button } from "@mantine/core";
import { ArrowRightLeft, Eraser, Trash2 } from "lucide-react";
import { useState } from "react";

import { useMay } from "~/api/permissions";
import type { Queue, QueueWork } from "~/api/resources";
import { Actions, toast } from "~/design";

import { DeleteDialog } from "./delete";
import { MoveDialog } from "./move";
import { PurgeDialog } from "./purge";
import { stateOf } from "./state";

type What = "move" | "purge" | "delete";

const DIALOGS = { move: MoveDialog, purge: PurgeDialog, delete: DeleteDialog };

interface BulkProps {
  queue: Queue;
  onStarted: (job: string) => void;
}

/** Work on all of a queue: each begins with a question, and runs as a job. */
export function Bulk({ queue, onStarted }: BulkProps) {
  const may = useMay("queues:operate");
  const [asked, setAsked] = useState<What | null>(null);
  if (!may || stateOf(queue) === "deleting") return null;
  const ask = (what: What) => () => {
    setAsked(what);
  };
  const close = () => {
    setAsked(null);
  };
  const Asked = asked === null ? null : DIALOGS[asked];
  return (
    <>
      <Actions label="Bulk work">
        <Button variant="default" leftSection={<ArrowRightLeft size={14} />} onClick={ask("move")}>
          Move…
        </Button>
        <Button variant="default" leftSection={<Eraser size={14} />} onClick={ask("purge")}>
          Purge…
        </Button>
        <Button variant="default" leftSection={<Trash2 size={14} />} onClick={ask("delete")}>
          Delete…
        </Button>
      </Actions>
      {Asked !== null && (
        <Asked
          queue={queue}
          onClose={close}
          onOrdered={({ job }: QueueWork) => {
            close();
            if (job == null) return;
            toast("ok", job.title, "Its progress is shown at the queue.");
            onStarted(job.id);
          }}
        />
      )}
    </>
  );
}
