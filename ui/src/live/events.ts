import { useEffect, useRef, useState } from "react";

import { newestEvents } from "~/api/events";
import type { StoredEvent } from "~/api/resources";
import { usePlace } from "~/api/workspace";

import { openStream } from "./stream";
import type { StreamState } from "./stream";

const SHOWN = 40;
const FLUSH_MS = 250;

export interface EventFeed {
  events: StoredEvent[];
  state: StreamState;
}

/** The newest events first, as they come; while `paused` the list stands still. */
export function useEventFeed(paused: boolean): EventFeed {
  const { workspace } = usePlace();
  const [events, setEvents] = useState<StoredEvent[]>([]);
  const [state, setState] = useState<StreamState>("connecting");
  const standing = useRef(paused);

  useEffect(() => {
    standing.current = paused;
  }, [paused]);

  useEffect(() => {
    // Raw text until it is shown: a busy bus sends far more than anyone can read.
    let arrived: string[] = [];
    let was: StreamState = "connecting";
    const flush = () => {
      if (arrived.length === 0 || standing.current) return;
      const fresh = arrived.map((data) => JSON.parse(data) as StoredEvent);
      arrived = [];
      setEvents((known) => newestFirst([...fresh, ...known]));
    };
    const timer = window.setInterval(flush, FLUSH_MS);
    const close = openStream({
      url: `/api/v1/w/${encodeURIComponent(workspace)}/events/tail`,
      event: "event",
      onMessage: (data) => {
        arrived.push(data);
        if (arrived.length > SHOWN) arrived.shift();
      },
      onState: (next) => {
        setState(next);
        if (next === "live" && was !== "live") backfill();
        was = next;
      },
    });
    function backfill() {
      newestEvents(workspace, SHOWN).then(
        (found) => {
          if (!standing.current) setEvents((known) => newestFirst([...found, ...known]));
        },
        () => undefined, // The stream's own state says that the hub is away.
      );
    }
    return () => {
      window.clearInterval(timer);
      close();
    };
  }, [workspace]);

  return { events, state };
}

function newestFirst(events: StoredEvent[]): StoredEvent[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, SHOWN);
}
