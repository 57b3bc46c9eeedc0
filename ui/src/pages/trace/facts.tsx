import { Link } from "react-router";

import { CodeBlock, CopyButton, Fact, Facts, StateBadge, format } from "~/design";

import { errorOf, outcome, toneOf, what, who } from "./lines";
import type { Line } from "./lines";
import css from "./facts.module.css";

/** One line in full. */
export function LineFacts({ line }: { line: Line }) {
  const { node } = line;
  const error = errorOf(line);
  return (
    <section className={css.facts} aria-label="Details" data-testid="line-facts">
      <h3 className={css.heading}>
        {what(line)} <StateBadge state={outcome(line)} tone={toneOf(line)} />
      </h3>
      {error !== "" && <CodeBlock text={error} what="error" tone="danger" wrap />}
      <Facts>
        <Fact name={line.kind === "message" ? "Sent by" : line.kind === "redrive" ? "By" : "Who"}>{who(line)}</Fact>
        {line.start !== null && <Fact name="At">{precise(line.start)}</Fact>}
        <Own line={line} />
        <Fact name="Message">
          <code>{node.id}</code>
          <CopyButton text={node.id} what="message id" />
        </Fact>
      </Facts>
      <p className={css.ways}>
        {node.kind === "event" && node.copies[0] !== undefined && <Link to={`/events/${String(node.copies[0].seq)}`}>Open the event</Link>}
        {(line.kind === "dead" || line.kind === "redrive") && line.letter.id !== null && (
          <Link to={`/dead-letters/${line.letter.id}?show=all`}>Open the dead letter</Link>
        )}
      </p>
    </section>
  );
}

function Own({ line }: { line: Line }) {
  if (line.kind === "handling") {
    const { duration_ms, waited_ms, attempt, instance, redrive_of, replay } = line.handling;
    return (
      <>
        <Fact name="Took">{format.duration(duration_ms)}</Fact>
        {waited_ms !== null && <Fact name="Waited">{format.duration(Math.max(0, waited_ms))} before it began</Fact>}
        <Fact name="Attempt">{attempt}</Fact>
        <Fact name="Instance">
          <code>{instance}</code>
        </Fact>
        {redrive_of != null && <Fact name="Life">after a redrive</Fact>}
        {replay != null && <Fact name="Life">by a replay</Fact>}
      </>
    );
  }
  if (line.kind !== "message") return null;
  const { subject, source, size_bytes, is_cloudevent, copies } = line.node;
  return (
    <>
      {source !== "" && (
        <Fact name="Source">
          <code>{source}</code>
        </Fact>
      )}
      {subject !== null && <Fact name="Subject">{subject}</Fact>}
      {size_bytes !== null && <Fact name="Size">{format.bytes(size_bytes)}</Fact>}
      {!is_cloudevent && <Fact name="Form">not a CloudEvent</Fact>}
      {copies.length > 1 && <Fact name="Stored">{copies.length} times, by redrives or replays</Fact>}
    </>
  );
}

/** To the millisecond. */
function precise(moment: number): string {
  const date = new Date(moment);
  return `${format.moment(date.toISOString())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
