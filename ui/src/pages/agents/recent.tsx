import { Skeleton } from "@mantine/core";
import { Link } from "react-router";

import { useRecent } from "~/api/agents";
import { useDenied } from "~/api/permission";
import { problemOf } from "~/api/problem";
import type { Handled } from "~/api/resources";
import { DataTable, ErrorState, Quiet, RelativeTime, RowLink, Sentence, StateBadge, format } from "~/design";
import type { Column, Tone } from "~/design";

import css from "./page.module.css";

const TONES: Record<string, Tone> = { handled: "ok", failed: "danger", dead: "danger", dropped: "neutral", expired: "warn" };
const LANES = { queue: "from the queue", group: "as the group" };

const COLUMNS: Column<Handled>[] = [
  {
    key: "type",
    title: "What",
    cell: ({ id, type, lane, reader, sender, attempt }) => (
      <RowLink
        to={`/trace/${encodeURIComponent(id)}`}
        name={type || reader}
        under={`${lane === "call" ? `called by ${nameOf(sender)}` : `${LANES[lane]} ${reader}`}${attempt > 1 ? ` · attempt ${String(attempt)}` : ""}`}
      />
    ),
  },
  { key: "sender", title: "From", priority: "medium", cell: ({ sender }) => <Sender id={sender} /> },
  { key: "outcome", title: "Outcome", cell: ({ outcome }) => <StateBadge state={outcome} tone={TONES[outcome]} plain /> },
  { key: "took", title: "Took", align: "right", cell: ({ duration_ms: took }) => <Quiet>{format.duration(took)}</Quiet> },
  {
    key: "at",
    title: "When",
    align: "right",
    priority: "medium",
    cell: ({ started_at: at }) => (
      <Quiet>
        <RelativeTime at={at} />
      </Quiet>
    ),
  },
];

/** What it handled last, each with its trace. */
export function Recent({ name }: { name: string }) {
  const denied = useDenied("insights:read");
  const recent = useRecent(name, denied === undefined);
  if (denied !== undefined) return <Sentence>{denied}.</Sentence>;
  if (recent.isPending) return <Skeleton height={90} radius="md" />;
  if (recent.data === undefined) return <ErrorState compact problem={problemOf(recent.error)} />;
  return (
    <div className={css.framed}>
      <DataTable
        label="Handled last"
        columns={COLUMNS}
        rows={recent.data.items}
        rowKey={({ id, reader, attempt, instance, started_at: at }) => [id, reader, attempt, instance, at].join(" ")}
        rowTestId="handled-row"
        empty={<p className={css.none}>Nothing lately. Try one of its skills above, and it shows here.</p>}
      />
    </div>
  );
}

function nameOf(sender: string): string {
  return sender.slice(sender.indexOf(":") + 1);
}

function Sender({ id }: { id: string }) {
  const name = nameOf(id);
  return id.startsWith("agent:") ? <Link to={`/agents/${encodeURIComponent(name)}`}>{name}</Link> : <Quiet>{name}</Quiet>;
}
