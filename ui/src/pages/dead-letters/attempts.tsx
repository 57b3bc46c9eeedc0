import type { Attempt, DeadLetter } from "~/api/resources";
import { CodeBlock, Disclosure, Marked, PanelSection, RelativeTime, Sentence, Timeline, TimelineItem, format } from "~/design";

import css from "./detail.module.css";

interface AttemptsProps {
  letter: DeadLetter;
  history: Attempt[];
}

/** What went wrong each time, oldest first. */
export function Attempts({ letter, history }: AttemptsProps) {
  const missing = letter.attempts - history.length;
  return (
    <PanelSection title="Attempts">
      {history.length === 0 ? (
        <Sentence>No attempt is on record.</Sentence>
      ) : (
        <Timeline label="Attempts">
          {history.map((attempt) => (
            <Item key={`${String(attempt.number)}-${attempt.started_at}`} attempt={attempt} />
          ))}
        </Timeline>
      )}
      {history.length > 0 && missing > 0 && <Sentence>{missing} more left no record.</Sentence>}
    </PanelSection>
  );
}

function Item({ attempt }: { attempt: Attempt }) {
  const { error } = attempt;
  const fields = error.errors?.filter((field) => !error.message.includes(field.detail)) ?? [];
  return (
    <TimelineItem marker={attempt.number} tone={attempt.final ? "danger" : "neutral"} testId="attempt">
      <div className={css.attempt}>
        <b>{attempt.agent}</b>
        {attempt.handler && <code className={css.handler}>{attempt.handler}</code>}
        <span className={css.meta}>
          v{attempt.version} · {attempt.instance} · {format.duration(attempt.duration_ms)} ·{" "}
          <RelativeTime at={attempt.started_at} />
        </span>
      </div>
      <p className={css.message}>
        {error.type && <b>{error.type}: </b>}
        <Marked text={error.message} /> <span className={css.meta}>{error.code}</span>
      </p>
      {fields.map((field) => (
        <p key={field.pointer} className={css.message}>
          <code>{field.pointer || "/"}</code> <Marked text={field.detail} />
        </p>
      ))}
      {error.traceback && (
        <Disclosure summary="Traceback">
          <CodeBlock text={error.traceback.trimEnd()} what="traceback" />
        </Disclosure>
      )}
    </TimelineItem>
  );
}
