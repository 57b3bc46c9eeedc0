import { useCallback, useEffect, useRef, useState } from "react";

import type { StoredEvent } from "~/api/resources";
import { usePlace } from "~/api/workspace";

import { openStream } from "./stream";
import type { StreamState } from "./stream";

const FLUSH_MS = 250;
const KEPT = 200;
/** The hub begins to follow a moment after it has answered. */
const SETTLE_MS = 400;

export interface Tail {
  state: StreamState;
  /** What came since the list was read, newest first. */
  fresh: StoredEvent[];
  /** What came and is held back. */
  held: number;
  /** More came than is kept: between `fresh` and an older list some are missing. */
  overflown: boolean;
  /** Show what is held back, once. */
  show: () => void;
  /** Forget what came: the list was read anew. */
  reset: () => void;
}

interface TailOptions {
  /** Nothing is followed while false. */
  on: boolean;
  /** Type or pattern; the hub sends only these. */
  type: string | null;
  /** While true, what comes waits to be shown. */
  hold: boolean;
  accepts: (event: StoredEvent) => boolean;
  /** The stream is (again) live: what was stored meanwhile must be read. */
  onLive: () => void;
}

interface Arrived {
  events: StoredEvent[];
  overflown: boolean;
}

const NOTHING: Arrived = { events: [], overflown: false };

/** Follow the log as it grows. */
export function useTail({ on, type, hold, accepts, onLive }: TailOptions): Tail {
  const { workspace } = usePlace();
  const [state, setState] = useState<StreamState>("connecting");
  const [{ shown, waiting }, setArrived] = useState({ shown: NOTHING, waiting: NOTHING });
  const now = useRef({ hold, accepts, onLive });
  useEffect(() => {
    now.current = { hold, accepts, onLive };
  });

  useEffect(() => {
    if (!on) return undefined;
    let arrived: string[] = [];
    let lost = false;
    let was: StreamState = "connecting";
    let settling: number | undefined;
    const timer = window.setInterval(() => {
      const { hold: held, accepts: passes } = now.current;
      const events = arrived.map((data) => JSON.parse(data) as StoredEvent).filter(passes);
      const newer = { events, overflown: lost };
      arrived = [];
      lost = false;
      setArrived((known) => taken(known, newer, held));
    }, FLUSH_MS);
    const search = type === null ? "" : `?type=${encodeURIComponent(type)}`;
    const close = openStream({
      url: `/api/v1/w/${encodeURIComponent(workspace)}/events/tail${search}`,
      event: "event",
      onMessage: (data) => {
        arrived.push(data);
        // A busy bus sends more than anyone can read.
        if (arrived.length > KEPT) lost = arrived.shift() !== undefined;
      },
      onState: (next) => {
        setState(next);
        if (next === "live" && was !== "live") {
          settling = window.setTimeout(() => {
            now.current.onLive();
          }, SETTLE_MS);
        }
        was = next;
      },
    });
    return () => {
      window.clearInterval(timer);
      window.clearTimeout(settling);
      close();
      setArrived({ shown: NOTHING, waiting: NOTHING });
    };
  }, [on, type, workspace]);

  const show = useCallback(() => {
    setArrived((known) => taken(known, NOTHING, false));
  }, []);
  const reset = useCallback(() => {
    setArrived({ shown: NOTHING, waiting: NOTHING });
  }, []);

  return { state, fresh: shown.events, held: waiting.events.length, overflown: shown.overflown, show, reset };
}

interface Known {
  shown: Arrived;
  waiting: Arrived;
}

/** Newer ones wait while held; else they and those that waited are shown. */
function taken(known: Known, newer: Arrived, held: boolean): Known {
  const { shown, waiting } = known;
  if (newer.events.length === 0 && (held || waiting.events.length === 0)) return known;
  if (held) return { shown, waiting: joined(newer, waiting) };
  return { shown: joined(joined(newer, waiting), shown), waiting: NOTHING };
}

function joined(newer: Arrived, older: Arrived): Arrived {
  const bySeq = new Map([...newer.events, ...older.events].map((event) => [event.seq, event]));
  const events = [...bySeq.values()].sort((a, b) => b.seq - a.seq);
  return {
    events: events.slice(0, KEPT),
    overflown: newer.overflown || older.overflown || events.length > KEPT,
  };
}
