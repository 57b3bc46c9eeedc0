import { ActionIcon, Skeleton, Tooltip } from "@mantine/core";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";

import { useDeadLetter } from "~/api/dead-letters";
import { mayPass, problemOf } from "~/api/problem";
import type { DeadLetterDetail } from "~/api/resources";
import { CodeBlock, CopyButton, ErrorState, StateBadge } from "~/design";

import { Attempts } from "./attempts";
import css from "./detail.module.css";
import { Headers, Where } from "./facts";
import { Payload } from "./payload";
import { REASONS, reasonLabel } from "./reasons";
import { Redrive } from "./redrive";

/** As in the style sheet: the panel is the page, and begins at its top. */
const IN_PLACE_OF_LIST = "(max-width: 1239px)";

interface LetterDetailProps {
  id: string;
  onClose: () => void;
}

/** Everything about one dead letter, and the way back to life. */
export function LetterDetail({ id, onClose }: LetterDetailProps) {
  const query = useDeadLetter(id);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (window.matchMedia(IN_PLACE_OF_LIST).matches) panel.current?.scrollIntoView({ block: "start" });
  }, []);
  return (
    <aside ref={panel} className={css.panel} aria-label="Dead letter" data-testid="dead-detail" data-id={id}>
      <header className={css.head}>
        <h2 className={css.title}>{query.data?.letter.type ?? "Dead letter"}</h2>
        {query.data && query.data.letter.redriven_at === null && <StateBadge state="waiting" />}
        {query.data && query.data.letter.redriven_at !== null && (
          <StateBadge state="redriven" testId="redriven-badge" />
        )}
        <span className={css.tools}>
          <CopyButton text={window.location.href} what="link" />
          <Tooltip label="Close (Esc)">
            <ActionIcon size="sm" aria-label="Close" onClick={onClose}>
              <X size={16} />
            </ActionIcon>
          </Tooltip>
        </span>
      </header>
      <div className={css.body}>
        {query.isPending && <Waiting />}
        {query.isError && !query.data && (
          <ErrorState
            problem={problemOf(query.error)}
            onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
          />
        )}
        {query.data && <Detail detail={query.data} />}
      </div>
    </aside>
  );
}

function Detail({ detail }: { detail: DeadLetterDetail }) {
  const { letter } = detail;
  return (
    <>
      <Redrive letter={letter} />
      <section>
        <h3 className={css.heading}>{reasonLabel(letter.reason)}</h3>
        <p className={css.sentence}>{REASONS[letter.reason]?.sentence ?? `The reader gave "${letter.reason}".`}</p>
        {letter.error !== "" && <CodeBlock text={letter.error} what="error" tone="danger" wrap />}
      </section>
      <Where detail={detail} />
      <Payload detail={detail} />
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
