import { Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";

import { useDenied } from "~/api/permission";
import { GuardedButton, PageHeader, SplitView } from "~/design";

import { DeclareQueue } from "./declare";
import { QueueDetail } from "./detail";
import { QueueList } from "./list";

/** Work that waits, who takes it, and the brakes. */
export function QueuesPage() {
  const { name } = useParams();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [declaring, setDeclaring] = useState(false);
  const denied = useDenied("queues:write");
  const search = params.size === 0 ? "" : `?${params.toString()}`;
  const open = useCallback((queue: string) => void navigate(`/queues/${encodeURIComponent(queue)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/queues${search}`), [navigate, search]);
  return (
    <SplitView detail={name === undefined ? null : <QueueDetail key={name} name={name} onClose={close} />} onClose={close}>
      <PageHeader title="Queues" hint="Work that waits for a worker, and what holds it up.">
        <GuardedButton
          denied={denied}
          leftSection={<Plus size={14} />}
          onClick={() => {
            setDeclaring(true);
          }}
        >
          Declare a queue
        </GuardedButton>
      </PageHeader>
      {declaring && (
        <DeclareQueue
          onClose={() => {
            setDeclaring(false);
          }}
          onDeclared={open}
        />
      )}
      <QueueList search={search} selected={name} onOpen={open} />
    </SplitView>
  );
}
