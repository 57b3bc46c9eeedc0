import { Button, Skeleton } from "@mantine/core";
import { CircleCheckBig, SearchX } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { Link } from "react-router";

import { useDeadLetters } from "~/api/dead-letters";
import { problemOf } from "~/api/problem";
import type { DeadLetter } from "~/api/resources";
import { Chip, DataTable, EmptyState, ErrorState, Panel, RelativeTime, StateBadge } from "~/design";
import type { Column } from "~/design";
import { useLiveOverview } from "~/live/overview";

import type { FilterState } from "./filter";
import css from "./page.module.css";
import { reasonLabel } from "./reasons";

interface LetterListProps {
  state: FilterState;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

export function LetterList({ state, selected, onOpen }: LetterListProps) {
  const letters = useDeadLetters(state.filter);
  const pages = letters.data?.pages;
  const rows = pages?.flatMap((page) => page.items);
  const { refetch } = letters;
  const again = useCallback(() => void refetch({ cancelRefetch: false }), [refetch]);
  const fresh = useFreshLetters(letters.dataUpdatedAt, pages?.length ?? 0, again);

  return (
    <Panel flush label="Dead letters">
      {letters.isError && rows === undefined && (
        <ErrorState problem={problemOf(letters.error)} onRetry={again} />
      )}
      {letters.isPending && <Skeleton height={320} radius={0} />}
      {fresh > 0 && (
        <button type="button" className={css.fresh} onClick={again}>
          {fresh} more died: show
        </button>
      )}
      {rows !== undefined && (
        <DataTable
          label="Dead letters"
          columns={columns(state.search)}
          rows={rows}
          rowKey={(letter) => letter.id}
          rowTestId="dead-row"
          selected={selected}
          onOpen={(letter) => {
            onOpen(letter.id);
          }}
          empty={<NoLetters state={state} />}
        />
      )}
      {letters.isError && rows !== undefined && letters.isFetchNextPageError && (
        <ErrorState compact problem={problemOf(letters.error)} />
      )}
      {rows !== undefined && rows.length > 0 && (
        <div className={css.more}>
          {letters.hasNextPage ? (
            <Button variant="default" loading={letters.isFetchingNextPage} onClick={() => void letters.fetchNextPage()}>
              Load more
            </Button>
          ) : (
            `${String(rows.length)} in all`
          )}
        </div>
      )}
    </Panel>
  );
}

function columns(search: string): Column<DeadLetter>[] {
  return [
    {
      key: "message",
      title: "Message",
      cell: (letter) => (
        <Link to={`/dead-letters/${letter.id}${search}`} className={css.row} tabIndex={-1}>
          <span className={css.type}>{letter.type}</span>
          <span className={css.error} title={letter.error}>
            {letter.error}
          </span>
          <span className={css.under}>
            {letter.reader} · {reasonLabel(letter.reason)}
          </span>
        </Link>
      ),
    },
    {
      key: "reader",
      title: "Reader",
      priority: "medium",
      cell: (letter) => (
        <span className={css.reader}>
          {letter.reader} <Chip>{letter.lane}</Chip>
        </span>
      ),
    },
    { key: "reason", title: "Reason", priority: "medium", cell: (letter) => <span className={css.reason}>{reasonLabel(letter.reason)}</span> },
    { key: "attempts", title: "Attempts", align: "right", priority: "low", cell: (letter) => letter.attempts },
    {
      key: "state",
      title: "State",
      priority: "low",
      cell: (letter) => <StateBadge state={letter.redriven_at === null ? "waiting" : "redriven"} />,
    },
    {
      key: "died",
      title: "Died",
      align: "right",
      cell: (letter) => (
        <span className={css.quiet}>
          <RelativeTime at={letter.died_at} />
        </span>
      ),
    },
  ];
}

function NoLetters({ state }: { state: FilterState }) {
  if (state.narrowed) {
    return (
      <EmptyState icon={SearchX} title="No dead letter matches the filter">
        <Button variant="default" onClick={state.clear}>
          Clear the filter
        </Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={CircleCheckBig} title={state.filter.waiting ? "Nothing is waiting here" : "Nothing has ever died"}>
      A message that fails for good is kept here with its payload and the error of every attempt.
    </EmptyState>
  );
}

/**
 * How many died since the list was read. A short list is read anew by itself; one that
 * somebody has paged through stays as it is until they ask.
 */
function useFreshLetters(updatedAt: number, pages: number, refetch: () => void): number {
  const { overview } = useLiveOverview();
  const total = overview?.dead_total;
  const [seen, setSeen] = useState({ at: 0, total: 0 });
  if (total !== undefined && updatedAt !== 0 && seen.at !== updatedAt) setSeen({ at: updatedAt, total });
  const fresh = total === undefined || seen.at !== updatedAt ? 0 : Math.max(0, total - seen.total);
  const short = pages === 1;
  useEffect(() => {
    if (short && fresh > 0) refetch();
  }, [short, fresh, refetch]);
  return short ? 0 : fresh;
}
