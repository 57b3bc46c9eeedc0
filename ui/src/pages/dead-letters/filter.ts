import { useMemo } from "react";

import type { LetterSearch, LetterState } from "~/api/dead-letters";
import type { Lane } from "~/api/resources";
import { useAddress } from "~/shell/address";

/** A reader in one word: names of queues and of groups may be the same. */
export function readerKey(lane: Lane, name: string): string {
  return `${lane}:${name}`;
}

function laneOf(key: string): Lane | null {
  const lane = key.slice(0, key.indexOf(":"));
  return lane === "queue" || lane === "group" ? lane : null;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** How long ago it died, by its name in the address. */
export const SPANS = [
  { value: "15m", label: "Last 15 min", ms: 15 * MINUTE_MS },
  { value: "1h", label: "Last hour", ms: 60 * MINUTE_MS },
  { value: "1d", label: "Last day", ms: DAY_MS },
  { value: "7d", label: "Last 7 days", ms: 7 * DAY_MS },
];
export const BETWEEN = "between";

const STATES: LetterState[] = ["waiting", "redriven", "discarded"];
export const SHOW_ALL = "all";

export type Field = "reason" | "type" | "error" | "correlation" | "sender" | "agent" | "message";
export interface FilterState {
  wanted: LetterSearch;
  /** The chosen reader's key. */
  reader: string | null;
  died: string | null;
  narrowed: boolean;
  /** The filter as it stands in an address, to carry it from page to page. */
  search: string;
  set: (name: Field | "reader" | "show" | "died" | "since" | "before", value: string | null) => void;
  clear: () => void;
}

/** The list's filter, kept in the address so that it can be passed on. */
export function useFilter(): FilterState {
  const { params, set, clear } = useAddress();
  const text = params.toString();
  const wanted = useMemo(() => searchOf(new URLSearchParams(text)), [text]);
  return {
    wanted,
    reader: params.get("reader"),
    died: params.get("died"),
    narrowed: Object.entries(wanted).some(([name, value]) => name !== "state" && value !== null),
    search: text === "" ? "" : `?${text}`,
    set,
    clear,
  };
}

function searchOf(params: URLSearchParams): LetterSearch {
  const reader = params.get("reader");
  const lane = reader === null ? null : laneOf(reader);
  const died = params.get("died");
  const show = params.get("show");
  const read = (name: Field) => params.get(name);
  return {
    lane,
    reader: reader === null ? null : reader.slice(lane === null ? 0 : lane.length + 1),
    reason: read("reason"),
    type: read("type"),
    error: read("error"),
    correlation: read("correlation"),
    sender: read("sender"),
    agent: read("agent"),
    message: read("message"),
    last_ms: SPANS.find(({ value }) => value === died)?.ms ?? null,
    since: died === BETWEEN ? params.get("since") : null,
    before: died === BETWEEN ? params.get("before") : null,
    state: show === SHOW_ALL ? null : (STATES.find((state) => state === show) ?? "waiting"),
  };
}
