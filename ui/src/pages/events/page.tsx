import { TextInput } from "@mantine/core";
import { Waypoints } from "lucide-react";
import { useCallback } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { EventDetail } from "./detail";
import { useFilter } from "./filter";
import { FilterBar } from "./filter-bar";
import { EventList } from "./list";
import css from "./page.module.css";

/** The log, newest first and as it grows, and beside it the event in the address. */
export function EventsPage() {
  const { seq } = useParams();
  const navigate = useNavigate();
  const state = useFilter();
  const { search } = state;
  const open = useCallback((event: number) => void navigate(`/events/${String(event)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/events${search}`), [navigate, search]);

  return (
    <SplitView detail={seq === undefined ? null : <EventDetail key={seq} seq={seq} onClose={close} />} onClose={close}>
      <PageHeader title="Events" hint="The log: everything that was published, newest first.">
        <TraceSearch />
      </PageHeader>
      <FilterBar state={state} />
      <EventList state={state} selected={seq} onOpen={open} />
    </SplitView>
  );
}

/** Any message's id leads to what became of it. */
function TraceSearch() {
  const navigate = useNavigate();
  return (
    <form
      role="search"
      aria-label="Trace a message"
      onSubmit={(event) => {
        event.preventDefault();
        const id = new FormData(event.currentTarget).get("id");
        if (typeof id === "string" && id.trim() !== "") void navigate(`/trace/${encodeURIComponent(id.trim())}`);
      }}
    >
      <TextInput
        name="id"
        size="xs"
        className={css.trace}
        aria-label="Id of the message to trace"
        placeholder="Trace a message by its id"
        leftSection={<Waypoints size={14} />}
        spellCheck={false}
        autoComplete="off"
      />
    </form>
  );
}
