import { Undo2 } from "lucide-react";

import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import { useQueueRollback } from "~/api/queue-control";
import { useQueueHistory } from "~/api/queues";
import { Disclosure, ErrorState, GuardedButton, JsonBlock, PanelSection, RevisionTimeline, toast } from "~/design";

/** What its settings were; also of a queue that is gone. */
export function History({ name }: { name: string }) {
  const history = useQueueHistory(name);
  const denied = useDenied("queues:write");
  const items = history.data?.items ?? [];
  const current = items[0]?.action === "removed" ? undefined : items[0]?.number;
  if (items.length === 0) return null;
  return (
    <PanelSection title="History of settings">
      <RevisionTimeline revisions={items} current={current}>
        {({ number, body }) => (
          <>
            {number !== current && body !== null && <GoBack denied={denied} name={name} number={number} />}
            {body !== null && (
              <Disclosure summary="Settings">
                <JsonBlock value={body} what={`settings of revision ${String(number)}`} />
              </Disclosure>
            )}
          </>
        )}
      </RevisionTimeline>
    </PanelSection>
  );
}

function GoBack({ name, number, denied }: { name: string; number: number; denied: string | undefined }) {
  const rollback = useQueueRollback(name);
  return (
    <>
      <GuardedButton
        denied={denied}
        size="compact-xs"
        variant="default"
        leftSection={<Undo2 size={12} />}
        loading={rollback.isPending}
        onClick={() => {
          rollback.mutate(number, {
            onSuccess: () => {
              toast("ok", `${name} has the settings of revision ${String(number)} again`);
            },
          });
        }}
      >
        Go back to this
      </GuardedButton>
      {rollback.isError && <ErrorState compact problem={problemOf(rollback.error)} />}
    </>
  );
}
