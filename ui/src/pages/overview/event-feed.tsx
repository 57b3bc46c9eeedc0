import { ActionIcon, Tooltip } from "@mantine/core";
import { Pause, Play, Radio } from "lucide-react";
import { useState } from "react";

import type { StoredEvent } from "~/api/resources";
import { EmptyState, Panel, StateBadge, format } from "~/design";
import { useEventFeed } from "~/live/events";

import css from "./event-feed.module.css";

/** The newest events as they come; pause it to read. */
export function EventFeed() {
  const [paused, setPaused] = useState(false);
  const { events, state } = useEventFeed(paused);
  const label = paused ? "Resume the feed" : "Pause the feed";
  return (
    <Panel
      title="Newest events"
      flush
      label="Newest events"
      className={css.panel}
      aside={
        <span className={css.tools}>
          <StateBadge state={paused ? "paused" : state} pulse={!paused && state === "live"} plain />
          <Tooltip label={label}>
            <ActionIcon
              size="sm"
              aria-label={label}
              aria-pressed={paused}
              data-testid="feed-pause"
              onClick={() => {
                setPaused(!paused);
              }}
            >
              {paused ? <Play size={14} /> : <Pause size={14} />}
            </ActionIcon>
          </Tooltip>
        </span>
      }
    >
      {events.length === 0 ? (
        <EmptyState icon={Radio} title="No events yet">
          Publish one with <code>client.publish(&quot;order.created&quot;, …)</code>.
        </EmptyState>
      ) : (
        // Scrolls, so the keyboard must reach it.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <ol className={css.feed} tabIndex={0} aria-label="Events">
          {events.map((event) => (
            <Line key={event.seq} event={event} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Line({ event }: { event: StoredEvent }) {
  const { type, subject, data } = event.event;
  const about = typeof subject === "string" ? subject : JSON.stringify(data);
  return (
    <li className={css.line} data-testid="feed-event">
      <time dateTime={event.stored_at}>{format.clock(event.stored_at)}</time>
      <span className={css.type} title={String(type)}>
        {String(type)}
      </span>
      <span className={css.about} title={about}>
        {about}
      </span>
      <span className={css.sender}>{event.sender}</span>
    </li>
  );
}
