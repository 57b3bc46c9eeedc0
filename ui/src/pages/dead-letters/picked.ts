import { useState } from "react";

import type { BulkVerb } from "~/api/dead-letters";
import { letterFilter } from "~/api/dead-letters";
import type { DeadLetter, LetterFilter } from "~/api/resources";

import type { FilterState } from "./filter";

/** What bulk work is asked for: frozen, so that "the last hour" stays the hour that was counted. */
export interface Asked {
  verb: BulkVerb;
  filter: LetterFilter;
}

export interface Picked {
  ids: ReadonlySet<string>;
  asked: Asked | null;
  toggle: (letters: DeadLetter[], on: boolean) => void;
  /** Begin bulk work on the picked letters, or on all that match where none is picked. */
  ask: (verb: BulkVerb) => void;
  clear: () => void;
}

/** How many letters bulk work takes by their ids. */
export const MOST_PICKED = 1000;

const NONE: ReadonlySet<string> = new Set();

export function isWaiting(letter: DeadLetter): boolean {
  return letter.redriven_at === null && letter.discarded_at === null;
}

/** Letters picked one by one; forgotten as soon as something else is looked for. */
export function usePicked({ search, wanted }: FilterState): Picked {
  const [ids, setIds] = useState(NONE);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [known, setKnown] = useState(search);
  if (known !== search) {
    setKnown(search);
    setIds(NONE);
    setAsked(null);
  }
  return {
    ids,
    asked,
    toggle: (letters, on) => {
      const next = new Set(ids);
      for (const { id } of letters) {
        if (!on) next.delete(id);
        else if (next.size < MOST_PICKED) next.add(id);
      }
      setIds(next);
      setAsked(null);
    },
    ask: (verb) => {
      setAsked({ verb, filter: ids.size > 0 ? { ids: [...ids] } : letterFilter(wanted) });
    },
    clear: () => {
      setIds(NONE);
      setAsked(null);
    },
  };
}
