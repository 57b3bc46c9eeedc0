import { SegmentedControl } from "@mantine/core";
import { useCallback } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader, SplitView } from "~/design";
import { JobStrip } from "~/jobs/strip";

import { Bulk } from "./bulk";
import { LetterDetail } from "./detail";
import { SHOW_ALL, useFilter } from "./filter";
import { FilterBar } from "./filter-bar";
import { LetterList } from "./list";
import { usePicked } from "./picked";
import { useWorks } from "./works";

const SHOWN = [
  { value: "waiting", label: "Waiting" },
  { value: "redriven", label: "Redriven" },
  { value: "discarded", label: "Discarded" },
  { value: SHOW_ALL, label: "All" },
];

/** The list, and beside it (or in its place, where it is narrow) the letter in the address. */
export function DeadLettersPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const state = useFilter();
  const { search } = state;
  const picked = usePicked(state);
  const works = useWorks();
  const open = useCallback((letter: string) => void navigate(`/dead-letters/${letter}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/dead-letters${search}`), [navigate, search]);

  return (
    <SplitView detail={id === undefined ? null : <LetterDetail key={id} id={id} onClose={close} />} onClose={close}>
      <PageHeader title="Dead letters" hint="Messages nobody could process. Mend the cause, then redrive them.">
        <SegmentedControl
          size="xs"
          aria-label="Which"
          data={SHOWN}
          value={state.wanted.state ?? SHOW_ALL}
          onChange={(value) => {
            state.set("show", value === "waiting" ? null : value);
          }}
        />
      </PageHeader>
      <FilterBar state={state} />
      <JobStrip label="Bulk work" jobs={works.shown} onDismiss={works.dismiss} />
      {picked.asked !== null && (
        <Bulk
          asked={picked.asked}
          onClose={picked.clear}
          onOrdered={(job) => {
            works.watch(job.id);
          }}
        />
      )}
      <LetterList state={state} picked={picked} selected={id} onOpen={open} />
    </SplitView>
  );
}
