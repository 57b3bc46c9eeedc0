import { Skeleton } from "@mantine/core";

import { useDeadLetter } from "~/api/dead-letters";
import { mayPass, problemOf } from "~/api/problem";
import type { DeadLetter, DeadLetterDetail } from "~/api/resources";
import { CodeBlock, ErrorState, MessagePayload, PanelSection, Sentence, SidePanel, StateBadge } from "~/design";

import { Attempts } from "./attempts";
import css from "./detail.module.css";
import { Headers, Where } from "./facts";
import { Lives } from "./lives";
import { REASONS, reasonLabel } from "./reasons";
import { Redrive } from "./redrive";

interface LetterDetailProps {
  id: string;
  onClose: () => void;
}

/** Everything about one dead letter, and the way back to life. */
export function LetterDetail({ id, onClose }: LetterDetailProps) {
  const query = useDeadLetter(id);
  const letter = query.data?.letter;
  return (
    <SidePanel
      label="Dead letter"
      title={letter?.type ?? "Dead letter"}
      badge={letter && <Badge letter={letter} />}
      onClose={onClose}
      testId="dead-detail"
      id={id}
    >
      {query.isPending && <Waiting />}
      {query.isError && !query.data && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {query.data && <Detail detail={query.data} />}
    </SidePanel>
  );
}

function Badge({ letter }: { letter: DeadLetter }) {
  if (letter.redriven_at !== null) return <StateBadge state="redriven" testId="redriven-badge" />;
  return <StateBadge state={letter.discarded_at === null ? "waiting" : "discarded"} testId="letter-state" />;
}

function Detail({ detail }: { detail: DeadLetterDetail }) {
  const { letter } = detail;
  return (
    <>
      <Redrive detail={detail} />
      <PanelSection title={reasonLabel(letter.reason)}>
        <div className={css.reason}>
          <Sentence>{REASONS[letter.reason]?.sentence ?? `The reader gave "${letter.reason}".`}</Sentence>
          {letter.error !== "" && <CodeBlock text={letter.error} what="error" tone="danger" wrap />}
        </div>
      </PanelSection>
      <Where detail={detail} />
      <MessagePayload
        payload={detail.payload}
        encoding={detail.payload_encoding}
        size_bytes={letter.size_bytes}
        truncated={detail.payload_truncated}
      />
      <Lives lives={detail.lives} current={letter.id} />
      <Attempts letter={letter} history={detail.history} />
      <Headers headers={detail.headers} />
    </>
  );
}

function Waiting() {
  return (
    <>
      <Skeleton height={64} radius="md" />
      <Skeleton height={90} radius="md" />
      <Skeleton height={180} radius="md" />
    </>
  );
}
