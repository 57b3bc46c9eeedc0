import { Link } from "react-router";

import type { DeadLetterDetail } from "~/api/resources";
import { Chip, CopyButton, Disclosure, Fact, Facts, RelativeTime, format } from "~/design";

/** `00-<trace id>-<span id>-01` (W3C trace context). */
function traceId(traceparent: string | null): string | null {
  return traceparent?.split("-")[1] ?? null;
}

/** Where it comes from, where it waited, and how to find it elsewhere. */
export function Where({ detail }: { detail: DeadLetterDetail }) {
  const { letter, subject } = detail;
  const trace = traceId(letter.traceparent);
  return (
    <section aria-label="Where">
      <Facts>
        <Fact name="Reader">
          {letter.reader} <Chip>{letter.lane}</Chip>
        </Fact>
        <Fact name="Sender">
          {letter.sender} {!letter.sender_verified && <Chip title="The letter says so itself; the hub cannot tell">unproven</Chip>}
        </Fact>
        <Fact name="Died">
          <RelativeTime at={letter.died_at} /> · {format.moment(letter.died_at)}
        </Fact>
        <Fact name="Subject">
          <Id value={subject} what="subject" />
        </Fact>
        <Fact name="Message">
          <Id value={letter.message_id} what="message id" />
          <Link to={`/trace/${encodeURIComponent(letter.message_id)}`}>trace</Link>
        </Fact>
        <Fact name="Dead letter">
          <Id value={letter.id} what="dead letter id" />
        </Fact>
        {letter.correlation_id !== null && (
          <Fact name="Correlation">
            <Id value={letter.correlation_id} what="correlation id" />
            <Link to={`/dead-letters?correlation=${encodeURIComponent(letter.correlation_id)}&show=all`}>its letters</Link>
          </Fact>
        )}
        {letter.job_id !== null && (
          <Fact name="Job">
            <Link to={`/jobs/${letter.job_id}`}>
              <code>{letter.job_id}</code>
            </Link>
          </Fact>
        )}
        {trace !== null && (
          <Fact name="Trace">
            <Id value={trace} what="trace id" />
          </Fact>
        )}
      </Facts>
    </section>
  );
}

function Id({ value, what }: { value: string; what: string }) {
  return (
    <>
      <code>{value}</code>
      <CopyButton text={value} what={what} />
    </>
  );
}

export function Headers({ headers }: { headers: Record<string, string> }) {
  const entries = Object.entries(headers);
  if (entries.length === 0) return null;
  return (
    <section>
      <Disclosure summary={`Headers (${String(entries.length)})`}>
        <Facts>
          {entries.map(([name, value]) => (
            <Fact key={name} name={name}>
              <code>{value}</code>
            </Fact>
          ))}
        </Facts>
      </Disclosure>
    </section>
  );
}
