import { useCallback } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { LetterDetail } from "./detail";
import { useFilter } from "./filter";
import { FilterBar } from "./filter-bar";
import { LetterList } from "./list";

/** The list, and beside it (or in its place, where it is narrow) the letter in the address. */
export function DeadLettersPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const state = useFilter();
  const { search } = state;
  const open = useCallback((letter: string) => void navigate(`/dead-letters/${letter}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/dead-letters${search}`), [navigate, search]);

  return (
    <SplitView detail={id === undefined ? null : <LetterDetail key={id} id={id} onClose={close} />} onClose={close}>
      <PageHeader title="Dead letters" hint="Messages nobody could process. Mend the cause, then redrive them.">
        <FilterBar state={state} />
      </PageHeader>
      <LetterList state={state} selected={id} onOpen={open} />
    </SplitView>
  );
}
