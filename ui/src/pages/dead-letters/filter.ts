import { useSearchParams } from "react-router";

import type { LetterFilter } from "~/api/dead-letters";
import type { Lane } from "~/api/resources";

/** A reader in one word: names of queues and of groups may be the same. */
export function readerKey(lane: Lane, name: string): string {
  return `${lane}:${name}`;
}

function laneOf(key: string): Lane | null {
  const lane = key.slice(0, key.indexOf(":"));
  return lane === "queue" || lane === "group" ? lane : null;
}

export interface FilterState {
  filter: LetterFilter;
  /** The chosen reader's key. */
  reader: string | null;
  narrowed: boolean;
  /** The filter as it stands in an address, to carry it from page to page. */
  search: string;
  set: (name: "reader" | "reason" | "show", value: string | null) => void;
  clear: () => void;
}

/** The list's filter, kept in the address so that it can be passed on. */
export function useFilter(): FilterState {
  const [params, setParams] = useSearchParams();
  const reader = params.get("reader");
  const reason = params.get("reason");
  const lane = reader === null ? null : laneOf(reader);
  return {
    filter: {
      lane,
      reader: reader === null ? null : reader.slice(lane === null ? 0 : lane.length + 1),
      reason,
      waiting: params.get("show") !== "all",
    },
    reader,
    narrowed: reader !== null || reason !== null,
    search: params.size === 0 ? "" : `?${params.toString()}`,
    set: (name, value) => {
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === null) next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      );
    },
    clear: () => {
      setParams({}, { replace: true });
    },
  };
}
