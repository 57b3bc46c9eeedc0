import { Button, Skeleton, Switch } from "@mantine/core";
import { ScrollText, SearchX } from "lucide-react";
import { useCallback, useMemo } from "react";

import { useEvents } from "~/api/events";
import { problemOf } from "~/api/problem";
import type { EventPage, StoredEvent } from "~/api/resources";
import { DataTable, EmptyState, ErrorState, FreshRows, ListFoot, LoadMore, Panel, StateBadge, format } from "~/design";
import { useTail } from "~/live/tail";

import { columns } from "./columns";
import { accepts } from "./filter";
import type { FilterState } from "./filter";
import { useHold } from "./hold";
import css from "./page.module.css";
import { ReplayThese } from "./replay-these";

interface EventListProps {
  state: FilterState;
  selected: string | undefined;
  onOpen: (seq: number) => void;
}

export function EventList({ state, selected, onOpen }: EventListProps) {
  const { filter, live } = state;
  const events = useEvents(filter);
  const { refetch } = events;
  const again = useCallback(() => void refetch(), [refetch]);
  const { hold, area } = useHold();
  const passes = useCallback((event: StoredEvent) => accepts(filter, event), [filter]);
  const tail = useTail({ on: live, type: filter.type, hold, accepts: passes, onLive: again });
  const pages = events.data?.pages;
  const rows = useMemo(() => newestFirst(tail, pages, events.isPlaceholderData, passes), [tail, pages, events.isPlaceholderData, passes]);

  return (
    <Panel
      title="Log"
      flush
      label="Events"
      aside={
        <span className={css.tools}>
          <ReplayThese filter={filter} />
          {live && <StateBadge state={hold ? "paused" : tail.state} pulse={!hold && tail.state === "live"} plain testId="tail-state" />}
          <Switch
            size="xs"
            label="Live"
            checked={live}
            onChange={(event) => {
              state.set("tail", event.currentTarget.checked ? null : "off");
            }}
          />
        </span>
      }
    >
      {tail.held > 0 && (
        <FreshRows onShow={tail.show}>{tail.held} new: show</FreshRows>
      )}
      {events.isError && rows === undefined && <ErrorState problem={problemOf(events.error)} onRetry={again} />}
      {events.isPending && <Skeleton height={320} radius={0} />}
      {rows !== undefined && (
        <div {...area} className={css.rows} aria-busy={events.isPlaceholderData}>
          <DataTable
            label="Events"
            columns={columns(state.search)}
            rows={rows}
            rowKey={(event) => String(event.seq)}
            rowTestId="event-row"
            selected={selected}
            onOpen={(event) => {
              onOpen(event.seq);
            }}
            empty={<NoEvents state={state} />}
          />
        </div>
      )}
      {events.isError && rows !== undefined && <ErrorState compact problem={problemOf(events.error)} onRetry={again} />}
      {rows !== undefined && tail.overflown && (
        <ListFoot>
          They come too fast to show all.
          <Button
            variant="default"
            onClick={() => {
              tail.reset();
              again();
            }}
          >
            Read the log anew
          </Button>
        </ListFoot>
      )}
      {rows !== undefined && !tail.overflown && (
        <ListFoot>
          {events.hasNextPage ? (
            <LoadMore list={events} label={rows.length === 0 ? "Search further back" : "Load more"} />
          ) : (
            rows.length > 0 && `${String(rows.length)} in all`
          )}
          <Lag page={pages?.[0]} />
        </ListFoot>
      )}
    </Panel>
  );
}

function newestFirst(
  { fresh, overflown }: { fresh: StoredEvent[]; overflown: boolean },
  pages: EventPage[] | undefined,
  isOld: boolean,
  passes: (event: StoredEvent) => boolean,
): StoredEvent[] | undefined {
  if (pages === undefined) return undefined;
  // Between these and the older ones some are missing; what is not whole is not shown as if it were.
  if (overflown && !isOld) return fresh.filter(passes);
  const bySeq = new Map<number, StoredEvent>();
  for (const event of isOld ? [] : fresh.filter(passes)) bySeq.set(event.seq, event);
  for (const page of pages) for (const event of page.items) bySeq.set(event.seq, event);
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq);
}

/** How far the index is behind the log. */
function Lag({ page }: { page: EventPage | undefined }) {
  const last = page?.last_seq ?? 0;
  if (page === undefined || last === 0) return null;
  if (page.indexed_up_to == null) return <span data-testid="index-lag">There is no index: the log itself is searched.</span>;
  const behind = last - page.indexed_up_to;
  if (behind <= 0) return null;
  return (
    <span data-testid="index-lag">
      The index is {format.count(behind)} behind; that part of the log is searched itself, so a page may hold fewer.
    </span>
  );
}

function NoEvents({ state }: { state: FilterState }) {
  if (state.narrowed) {
    return (
      <EmptyState icon={SearchX} title="No event matches the filter">
        <Button variant="default" onClick={state.clear}>
          Clear the filter
        </Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={ScrollText} title="The log is empty">
      Publish an event with <code>trunkline publish order.created &apos;{"{}"}&apos;</code>; it appears here at once.
    </EmptyState>
  );
}
