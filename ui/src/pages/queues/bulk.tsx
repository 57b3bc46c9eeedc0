import { ArrowRightLeft, Eraser, Trash2 } from "lucide-react";
import { useState } from "react";

import { useDenied } from "~/api/permission";
import type { Queue, QueueWork } from "~/api/resources";
import { Actions, GuardedButton, toast } from "~/design";

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
  const denied = useDenied("queues:operate");
  const unseen = useDenied("jobs:read");
  const [asked, setAsked] = useState<What | null>(null);
  if (stateOf(queue) === "deleting") return null;
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
        <GuardedButton denied={denied} variant="default" leftSection={<ArrowRightLeft size={14} />} onClick={ask("move")}>
          Move…
        </GuardedButton>
        <GuardedButton denied={denied} variant="default" leftSection={<Eraser size={14} />} onClick={ask("purge")}>
          Purge…
        </GuardedButton>
        <GuardedButton denied={denied} variant="default" leftSection={<Trash2 size={14} />} onClick={ask("delete")}>
          Delete…
        </GuardedButton>
      </Actions>
      {Asked !== null && (
        <Asked
          queue={queue}
          onClose={close}
          onOrdered={({ job }: QueueWork) => {
            close();
            if (job == null) return;
            toast("ok", job.title, unseen ?? "Its progress is shown at the queue.");
            onStarted(job.id);
          }}
        />
      )}
    </>
  );
}
