import { Button, Skeleton } from "@mantine/core";
import { History, Link2, Waypoints } from "lucide-react";
import { Link } from "react-router";

import { useEvent } from "~/api/events";
import { mayPass, problemOf } from "~/api/problem";
import type { StoredEvent } from "~/api/resources";
import { CopyButton, ErrorState, Fact, Facts, PanelSection, RelativeTime, SidePanel, StateBadge, format } from "~/design";

import { EventData } from "./data";
import css from "./page.module.css";
import { attribute } from "./payload";

interface EventDetailProps {
  seq: string;
  onClose: () => void;
}

/** One event whole, and the ways on from it. */
export function EventDetail({ seq, onClose }: EventDetailProps) {
  const query = useEvent(seq);
  const stored = query.data;
  return (
    <SidePanel
      label="Event"
      title={stored ? attribute(stored.event, "type") || "Not a CloudEvent" : `Event ${seq}`}
      badge={stored && <StateBadge state="stored" tone="ok" />}
      onClose={onClose}
      testId="event-detail"
      id={seq}
    >
      {query.isPending && (
        <>
          <Skeleton height={32} radius="md" />
          <Skeleton height={180} radius="md" />
        </>
      )}
      {query.isError && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {stored && <Detail stored={stored} />}
    </SidePanel>
  );
}

function Detail({ stored }: { stored: StoredEvent }) {
  const { event } = stored;
  const id = attribute(event, "id");
  const transaction = attribute(event, "correlationid") || id;
  return (
    <>
      {id !== "" && (
        <nav className={css.ways} aria-label="From here">
          <Button component={Link} to={`/trace/${encodeURIComponent(id)}`} leftSection={<Waypoints size={14} />}>
            Trace
          </Button>
          <Button
            component={Link}
            to={`/events?correlation=${encodeURIComponent(transaction)}`}
            variant="default"
            leftSection={<Link2 size={14} />}
          >
            All of this correlation
          </Button>
          <Button
            component={Link}
            to={`/replays?new=&after=${String(stored.seq - 1)}&up_to=${String(stored.seq)}`}
            variant="default"
            leftSection={<History size={14} />}
          >
            Replay it
          </Button>
        </nav>
      )}
      <EventData stored={stored} />
      <PanelSection title="Attributes">
        <Attributes stored={stored} />
      </PanelSection>
    </>
  );
}

/** Shown in their own way, or elsewhere. */
const APART = new Set(["specversion", "id", "type", "data", "data_base64", "dataref", "causationid", "correlationid", "time"]);

function Attributes({ stored }: { stored: StoredEvent }) {
  const { event } = stored;
  const others = Object.keys(event).filter((name) => !APART.has(name));
  return (
    <Facts>
      <Fact name="Id">
        <Copied value={attribute(event, "id")} what="event id" />
      </Fact>
      <Fact name="Sender">{stored.sender}</Fact>
      <Fact name="Stored">
        <RelativeTime at={stored.stored_at} /> · {format.moment(stored.stored_at)}
      </Fact>
      <Fact name="Sequence">{stored.seq}</Fact>
      {attribute(event, "time") !== "" && <Fact name="Time">{format.moment(attribute(event, "time"))}</Fact>}
      {attribute(event, "correlationid") !== "" && (
        <Fact name="Correlation">
          <Copied value={attribute(event, "correlationid")} what="correlation id" />
        </Fact>
      )}
      {attribute(event, "causationid") !== "" && (
        <Fact name="Caused by">
          <Link to={`/trace/${encodeURIComponent(attribute(event, "causationid"))}`}>
            <code>{attribute(event, "causationid")}</code>
          </Link>
        </Fact>
      )}
      {others.map((name) => (
        <Fact key={name} name={name}>
          <code>{attribute(event, name)}</code>
        </Fact>
      ))}
    </Facts>
  );
}

function Copied({ value, what }: { value: string; what: string }) {
  return (
    <>
      <code>{value}</code>
      <CopyButton text={value} what={what} />
    </>
  );
}
