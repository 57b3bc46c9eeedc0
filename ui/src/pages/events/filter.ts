import { useMemo } from "react";

import type { EventFilter } from "~/api/events";
import type { StoredEvent } from "~/api/resources";
import { useAddress } from "~/shell/address";

const MINUTE_MS = 60_000;

/** How far back to look, by its name in the address. */
export const SPANS = [
  { value: "15m", label: "Last 15 min", ms: 15 * MINUTE_MS },
  { value: "1h", label: "Last hour", ms: 60 * MINUTE_MS },
  { value: "1d", label: "Last day", ms: 24 * 60 * MINUTE_MS },
];

export const FIELDS = ["type", "subject", "sender", "correlation", "id", "trace"] as const;
export type Field = (typeof FIELDS)[number];

export interface FilterState {
  filter: EventFilter;
  span: string | null;
  narrowed: boolean;
  /** Whether new events come by themselves. */
  live: boolean;
  /** The filter as it stands in an address, to carry it from event to event. */
  search: string;
  set: (name: Field | "span" | "tail", value: string | null) => void;
  clear: () => void;
}

/** The explorer's filter, kept in the address so that it can be passed on. */
export function useFilter(): FilterState {
  const { params, set, clear } = useAddress();
  const text = params.toString();
  const span = params.get("span");
  const filter = useMemo((): EventFilter => {
    const given = new URLSearchParams(text);
    const read = (name: Field) => given.get(name) ?? null;
    return {
      type: read("type"),
      subject: read("subject"),
      sender: read("sender"),
      correlation: read("correlation"),
      id: read("id"),
      trace: read("trace"),
      last_ms: SPANS.find(({ value }) => value === given.get("span"))?.ms ?? null,
    };
  }, [text]);
  return {
    filter,
    span,
    narrowed: Object.values(filter).some((value) => value !== null),
    live: params.get("tail") !== "off",
    search: text === "" ? "" : `?${text}`,
    set,
    clear,
  };
}

/** Whether an event passes what the hub's live stream cannot be asked for. */
export function accepts({ subject, sender, correlation, id, trace }: EventFilter, stored: StoredEvent): boolean {
  const { event } = stored;
  const own = typeof event.traceparent === "string" ? event.traceparent.split("-")[1] : undefined;
  return (
    (subject === null || event.subject === subject) &&
    (sender === null || stored.sender === sender) &&
    (id === null || event.id === id) &&
    (correlation === null || event.correlationid === correlation || event.id === correlation) &&
    (trace === null || own === trace)
  );
}
