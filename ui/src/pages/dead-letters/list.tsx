import { Button, Skeleton } from "@mantine/core";
import { CircleCheckBig, SearchX } from "lucide-react";
import { useCallback, useEffect, useState } from "react";

import { useDeadLetters } from "~/api/dead-letters";
import { problemOf } from "~/api/problem";
import { DataTable, EmptyState, ErrorState, FreshRows, ListFoot, LoadMore, Panel } from "~/design";
import { useLiveOverview } from "~/live/overview";

import { BulkButtons, Counted } from "./bulk-bar";
import { columns } from "./columns";
import type { FilterState } from "./filter";
import type { Picked } from "./picked";

interface LetterListProps {
  state: FilterState;
  picked: Picked;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

export function LetterList({ state, picked, selected, onOpen }: LetterListProps) {
  const letters = useDeadLetters(state.wanted);
  const pages = letters.data?.pages;
  const rows = pages?.flatMap((page) => page.items);
  const { refetch } = letters;
  const again = useCallback(() => void refetch({ cancelRefetch: false }), [refetch]);
  const fresh = useFreshLetters(letters.dataUpdatedAt, pages?.length ?? 0, again);

  return (
    <Panel
      flush
      label="Dead letters"
      title={<Counted state={state} picked={picked} />}
      aside={<BulkButtons state={state} picked={picked} />}
    >
      {letters.isError && rows === undefined && (
        <ErrorState problem={problemOf(letters.error)} onRetry={again} />
      )}
      {letters.isPending && <Skeleton height={320} radius={0} />}
      {fresh > 0 && <FreshRows onShow={again}>{fresh} more died: show</FreshRows>}
      {rows !== undefined && (
        <DataTable
          label="Dead letters"
          columns={columns(state.search, rows, picked)}
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
        <ListFoot>{letters.hasNextPage ? <LoadMore list={letters} /> : `${String(rows.length)} in all`}</ListFoot>
      )}
    </Panel>
  );
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
    <EmptyState icon={CircleCheckBig} title={NOTHING[state.wanted.state ?? "all"]}>
      A message that fails for good is kept here with its payload and the error of every attempt.
    </EmptyState>
  );
}

const NOTHING = {
  waiting: "Nothing is waiting here",
  redriven: "Nothing was redriven",
  discarded: "Nothing was discarded",
  all: "Nothing has ever died",
};

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
