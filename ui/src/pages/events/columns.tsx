import type { StoredEvent } from "~/api/resources";
import { Quiet, RowLink, format } from "~/design";
import type { Column } from "~/design";

import css from "./page.module.css";
import { attribute, shortData } from "./payload";

export function columns(search: string): Column<StoredEvent>[] {
  return [
    {
      key: "event",
      title: "Event",
      cell: ({ seq, event, sender }) => (
        <RowLink to={`/events/${String(seq)}${search}`} name={attribute(event, "type") || "not a CloudEvent"}>
          <span className={css.data}>{shortData(event)}</span>
          <span className={css.under}>
            {sender}
            {attribute(event, "subject") && ` · ${attribute(event, "subject")}`}
          </span>
        </RowLink>
      ),
    },
    {
      key: "subject",
      title: "Subject",
      priority: "medium",
      cell: ({ event }) => (
        <span className={css.subject} title={attribute(event, "subject")}>
          {attribute(event, "subject")}
        </span>
      ),
    },
    { key: "sender", title: "Sender", priority: "medium", cell: ({ sender }) => sender },
    {
      key: "stored",
      title: "Stored",
      align: "right",
      cell: ({ stored_at }) => <Stored at={stored_at} />,
    },
  ];
}

/** The time of day, and the date too where it was not today: rows that come by must not change as one reads. */
function Stored({ at }: { at: string }) {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return (
    <Quiet>
      <time dateTime={at} title={format.moment(at)}>
        {isToday ? format.clock(at) : format.moment(at)}
      </time>
    </Quiet>
  );
}
