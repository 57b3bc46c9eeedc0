import { Button } from "@mantine/core";
import { Check, RefreshCw } from "lucide-react";

import { useElsewhere, useElsewhereAction } from "~/api/elsewhere";
import type { Protocol } from "~/api/onboarding";
import { useDenied } from "~/api/permission";
import { mayPass, problemOf } from "~/api/problem";
import type { Agent, Change } from "~/api/resources";
import { Actions, ErrorState, GuardedButton, PanelSection, Quiet, RelativeTime, Sentence, StateBadge, toast } from "~/design";

import css from "./page.module.css";

const ORIGINS: Record<string, Protocol> = { a2a: "a2a", mcp: "mcp" };

/** The other end of an agent that was brought in: how it is, and what it says now that nobody has approved. */
export function OtherEnd({ agent }: { agent: Agent }) {
  const protocol = ORIGINS[agent.origin ?? ""];
  return protocol && <End protocol={protocol} name={agent.name} />;
}

function End({ protocol, name }: { protocol: Protocol; name: string }) {
  const unread = useDenied(`${protocol}:read`);
  const query = useElsewhere(protocol, name, unread === undefined);
  if (unread !== undefined) return null;
  const { data } = query;
  return (
    <PanelSection
      title="At the other end"
      aside={
        data?.readAt != null && (
          <Quiet>
            read <RelativeTime at={data.readAt} />
          </Quiet>
        )
      }
    >
      {query.isError && !data && (
        <ErrorState
          compact
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {data && (
        <div className={css.stack} data-testid="other-end">
          <span className={css.chips}>
            <StateBadge state={data.state} plain />
            {data.problem !== "" && <Quiet>{data.problem}</Quiet>}
          </span>
          {data.changes.length > 0 && <Changes changes={data.changes} />}
          <Steps protocol={protocol} name={name} changed={data.changes.length} />
        </div>
      )}
    </PanelSection>
  );
}

function Changes({ changes }: { changes: Change[] }) {
  return (
    <>
      <Sentence>It says something else of itself now. What was approved counts until you approve this.</Sentence>
      <ul className={css.changes} aria-label="What changed">
        {changes.map(({ path, before, after }) => (
          <li key={path} className={css.framed} data-testid="other-end-change">
            <code className={css.where}>{path}</code>
            {before != null && <del className={css.before}>{words(before)}</del>}
            {after != null && <ins className={css.after}>{words(after)}</ins>}
          </li>
        ))}
      </ul>
    </>
  );
}

function words(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

function Steps({ protocol, name, changed }: { protocol: Protocol; name: string; changed: number }) {
  const denied = useDenied(`${protocol}:write`);
  const refresh = useElsewhereAction(protocol, name, "refresh");
  const approve = useElsewhereAction(protocol, name, "approve");
  const failed = approve.error ?? refresh.error;
  return (
    <>
      {failed && <ErrorState compact problem={problemOf(failed)} />}
      <Actions>
        {changed > 0 && (
          <GuardedButton
            denied={denied}
            leftSection={<Check size={14} />}
            loading={approve.isPending}
            onClick={() => { approve.mutate(undefined, { onSuccess: () => { toast("ok", `What ${name} says now is approved`); } }); }}
          >
            {changed === 1 ? "Approve the change" : `Approve ${String(changed)} changes`}
          </GuardedButton>
        )}
        {denied === undefined && (
          <Button
            variant="default"
            leftSection={<RefreshCw size={14} />}
            loading={refresh.isPending}
            onClick={() => { refresh.mutate(); }}
          >
            Read it anew
          </Button>
        )}
      </Actions>
    </>
  );
}
