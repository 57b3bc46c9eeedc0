import { useCallback, useEffect } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader } from "~/design";

import { LetterDetail } from "./detail";
import { useFilter } from "./filter";
import { FilterBar } from "./filter-bar";
import { LetterList } from "./list";
import css from "./page.module.css";

/** The list, and beside it (or in its place, where it is narrow) the letter in the address. */
export function DeadLettersPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const state = useFilter();
  const { search } = state;
  const open = useCallback((letter: string) => void navigate(`/dead-letters/${letter}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/dead-letters${search}`), [navigate, search]);
  useCloseOnEscape(id === undefined ? null : close);

  return (
    <div className={css.page} data-open={id !== undefined}>
      <div className={css.list}>
        <PageHeader title="Dead letters" hint="Messages nobody could process. Mend the cause, then redrive them.">
          <FilterBar state={state} />
        </PageHeader>
        <LetterList state={state} selected={id} onOpen={open} />
      </div>
      {id !== undefined && <LetterDetail key={id} id={id} onClose={close} />}
    </div>
  );
}

function useCloseOnEscape(close: (() => void) | null): void {
  useEffect(() => {
    if (close === null) return undefined;
    const onKey = (event: KeyboardEvent) => {
      const busy = document.querySelector("[role=dialog], [aria-expanded=true]") !== null;
      if (event.key === "Escape" && !event.defaultPrevented && !busy) close();
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
    };
  }, [close]);
}
