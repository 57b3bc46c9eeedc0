import { Skeleton } from "@mantine/core";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";

import { problemOf } from "~/api/problem";
import { usePeek } from "~/api/queues";
import type { PeekFilter } from "~/api/queues";
import type { QueuedMessage } from "~/api/resources";
import { ErrorState, FilterInput, ListFoot, LoadMore, PanelSection, Quiet, RelativeTime, Sentence, StateBadge, format } from "~/design";

import { Message } from "./message";
import css from "./page.module.css";

const FILTERS = [
  { name: "type", label: "Type" },
  { name: "sender", label: "Sender" },
  { name: "key", label: "Key" },
] as const;
const ANY: PeekFilter = { type: null, sender: null, key: null };

/** What lies in the queue, oldest first; looking takes nothing. */
export function Messages({ name }: { name: string }) {
  const [wanted, setWanted] = useState<PeekFilter>(ANY);
  const [open, setOpen] = useState<number | null>(null);
  const found = usePeek(name, wanted);
  const rows = found.data?.pages.flatMap((page) => page.items);
  const narrowed = FILTERS.some(({ name: field }) => wanted[field] !== null);
  return (
    <PanelSection title="Messages" aside={<Quiet>Oldest first. Looking takes nothing.</Quiet>}>
      <div className={css.peek} role="search" aria-label="Filter messages">
        {FILTERS.map(({ name: field, label }) => (
          <FilterInput
            key={field}
            label={label}
            placeholder={label}
            value={wanted[field]}
            onCommit={(value) => {
              setWanted({ ...wanted, [field]: value === "" ? null : value });
            }}
          />
        ))}
      </div>
      {found.isPending && <Skeleton height={90} radius="md" />}
      {found.isError && rows === undefined && <ErrorState compact problem={problemOf(found.error)} />}
      {rows?.length === 0 && (
        <Sentence testId="no-messages">
          {found.hasNextPage ? "None of those looked at so far matches." : narrowed ? "No message matches." : "It is empty."}
        </Sentence>
      )}
      {rows !== undefined && rows.length > 0 && (
        <ul className={css.messages} aria-label="Messages">
          {rows.map((message) => (
            <Row
              key={message.seq}
              queue={name}
              message={message}
              isOpen={message.seq === open}
              onToggle={() => {
                setOpen(message.seq === open ? null : message.seq);
              }}
            />
          ))}
        </ul>
      )}
      <ListFoot>
        <LoadMore list={found} />
      </ListFoot>
    </PanelSection>
  );
}

interface RowProps {
  queue: string;
  message: QueuedMessage;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ queue, message, isOpen, onToggle }: RowProps) {
  const Mark = isOpen ? ChevronDown : ChevronRight;
  return (
    <li data-testid="queued-message" data-id={message.seq} data-open={isOpen}>
      <button type="button" className={css.message} aria-expanded={isOpen} onClick={onToggle}>
        <Mark size={14} aria-hidden />
        <span className={css.what}>
          <b>{message.type}</b>
          <Quiet>
            from {message.sender}
            {message.key !== null && ` · key ${message.key}`} · {format.bytes(message.size_bytes)}
            {message.failed_attempts > 0 && ` · failed ${String(message.failed_attempts)} times`}
          </Quiet>
        </span>
        <span className={css.when}>
          <StateBadge state={message.state} tone={message.state === "taken" ? "accent" : "neutral"} plain />
          <Quiet>
            <RelativeTime at={message.enqueued_at} />
          </Quiet>
        </span>
      </button>
      {isOpen && <Message queue={queue} message={message} />}
    </li>
  );
}
