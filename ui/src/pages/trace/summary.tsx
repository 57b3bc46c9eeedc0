import { Scissors } from "lucide-react";
import { Link } from "react-router";

import type { Trace } from "~/api/resources";
import { Banner, StateBadge, format } from "~/design";

import { toneOf } from "./lines";
import type { Line } from "./lines";
import css from "./page.module.css";
import { scaleOf } from "./scale";
import { traceAddress } from "./search";

/** The trace in one line, and what it does not tell. */
export function Summary({ trace, lines }: { trace: Trace; lines: Line[] }) {
  const failed = lines.filter((line) => line.kind === "handling" && toneOf(line) === "danger").length;
  const dead = lines.filter((line) => line.kind === "dead").length;
  const waiting = lines.filter((line) => line.kind === "waiting").length;
  return (
    <>
      {trace.truncated && (
        <Banner icon={Scissors} tone="warn" title="This is not all of it." testId="truncated">
          A trace shows at most 500 messages and 50 levels.
        </Banner>
      )}
      <p className={css.summary} data-testid="trace-summary">
        <b>{plural(trace.messages, "message")}</b>
        <span>{format.duration(scaleOf(lines).total)}</span>
        {failed > 0 && <StateBadge state="failed">{plural(failed, "failed attempt")}</StateBadge>}
        {dead > 0 && <StateBadge state="dead" tone="danger">{plural(dead, "dead letter")}</StateBadge>}
        {waiting > 0 && <StateBadge state="paused">{plural(waiting, "group")} not done yet</StateBadge>}
        {trace.behind > 0 && <span>The index has {format.count(trace.behind)} entries to read yet.</span>}
        {trace.correlation_id !== null && (
          <Link to={`/events?correlation=${encodeURIComponent(trace.correlation_id)}`}>Events of this correlation</Link>
        )}
      </p>
      {trace.ancestors.length > 0 && (
        <nav className={css.summary} aria-label="Caused by">
          Caused by
          {trace.ancestors.map((node) => (
            <Link key={node.id} to={traceAddress("message", node.id)}>
              {node.type || node.id}
            </Link>
          ))}
        </nav>
      )}
    </>
  );
}

function plural(count: number, noun: string): string {
  return `${format.count(count)} ${noun}${count === 1 ? "" : "s"}`;
}
