import { Button } from "@mantine/core";
import { Archive, RotateCcw } from "lucide-react";

import { useLetterSummary } from "~/api/dead-letters";
import { useDenied } from "~/api/permission";
import { GuardedButton, format } from "~/design";

import type { FilterState } from "./filter";
import css from "./page.module.css";
import { MOST_PICKED } from "./picked";
import type { Picked } from "./picked";

interface BulkBarProps {
  state: FilterState;
  picked: Picked;
}

/** How many letters the list is about. */
export function Counted({ state, picked }: BulkBarProps) {
  const counts = useLetterSummary(state.wanted).data;
  if (picked.ids.size > 0) {
    const most = picked.ids.size >= MOST_PICKED ? ", the most there can be" : "";
    return `${format.count(picked.ids.size)} picked${most}`;
  }
  if (counts === undefined) return "Letters";
  const shown = state.wanted.state;
  if (shown !== null) return `${format.count(counts[shown])} ${shown}`;
  return `${format.count(counts.total)} letters, ${format.count(counts.waiting)} waiting`;
}

/** Bulk work: on what is picked, or on all that match. Only what waits can be worked on. */
export function BulkButtons({ state, picked }: BulkBarProps) {
  const waiting = useLetterSummary(state.wanted).data?.waiting ?? 0;
  const mayRedrive = useDenied("dead_letters:redrive");
  const mayDiscard = useDenied("dead_letters:discard");
  const shown = state.wanted.state;
  if (shown === "redriven" || shown === "discarded" || (waiting === 0 && picked.ids.size === 0)) return null;
  const which = picked.ids.size > 0 ? format.count(picked.ids.size) : "all";
  return (
    <span className={css.buttons}>
      {picked.ids.size > 0 && (
        <Button variant="default" onClick={picked.clear}>
          Clear
        </Button>
      )}
      <GuardedButton
        variant="default"
        denied={mayRedrive}
        leftSection={<RotateCcw size={14} />}
        onClick={() => {
          picked.ask("redrive");
        }}
      >
        Redrive {which}…
      </GuardedButton>
      <GuardedButton
        variant="default"
        denied={mayDiscard}
        leftSection={<Archive size={14} />}
        onClick={() => {
          picked.ask("discard");
        }}
      >
        Discard {which}…
      </GuardedButton>
    </span>
  );
}
