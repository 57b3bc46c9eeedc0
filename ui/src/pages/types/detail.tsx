import { Skeleton } from "@mantine/core";
import { Link } from "react-router";

import { useEventType } from "~/api/event-types";
import { mayPass, problemOf } from "~/api/problem";
import type { EventTypeDetail } from "~/api/resources";
import {
  Chip, ErrorState, Fact, Facts, JsonBlock, PanelSection, RelativeTime, Sentence, SidePanel, format,
} from "~/design";

import { TypeState } from "./list";
import { NewVersion } from "./new-version";
import css from "./page.module.css";
import { Quarantine } from "./quarantine";
import { Consumers, Producers } from "./who";
import { Versions } from "./versions";

interface TypeDetailProps {
  name: string;
  onClose: () => void;
}

/** One type: what it means, how it looked over time, who speaks and who listens. */
export function TypeDetail({ name, onClose }: TypeDetailProps) {
  const query = useEventType(name);
  return (
    <SidePanel
      label="Event type"
      title={name}
      badge={query.data && <TypeState type={query.data.type} />}
      onClose={onClose}
      testId="type-detail"
      id={name}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && !query.data && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {query.data && <Detail detail={query.data} />}
    </SidePanel>
  );
}

function Detail({ detail }: { detail: EventTypeDetail }) {
  const { type } = detail;
  const samples = type.samples ?? [];
  return (
    <>
      <section className={css.about2}>
        {type.description && <Sentence>{type.description}</Sentence>}
        {!type.declared && (
          <Sentence>
            Nobody declared it, yet it was published. Give it a schema below, and it can be checked.
          </Sentence>
        )}
        <Facts>
          {type.owner && <Fact name="Owner">{type.owner}</Fact>}
          {(type.tags ?? []).length > 0 && (
            <Fact name="Tags">
              {type.tags?.map((tag) => (
                <Chip key={tag}>{tag}</Chip>
              ))}
            </Fact>
          )}
          {type.declared && (
            <>
              <Fact name="Policy">{POLICIES[type.policy ?? "open"]}</Fact>
              <Fact name="Compatibility">
                {type.compatibility ?? "backward"}, {type.reading ?? "lenient"}
              </Fact>
            </>
          )}
          <Fact name="Seen">
            {format.count(type.count ?? 0)} in 30 days
            {type.last_seen_at != null && (
              <>
                , last <RelativeTime at={type.last_seen_at} />
              </>
            )}
          </Fact>
          <Fact name="Events">
            <Link to={`/events?type=${encodeURIComponent(type.name)}`}>in the log</Link>
          </Fact>
        </Facts>
      </section>
      <Producers producers={detail.producers ?? []} />
      <Consumers consumers={detail.consumers ?? []} />
      {(type.quarantined ?? 0) > 0 && <Quarantine type={type.name} total={type.quarantined ?? 0} />}
      {type.declared && <Versions name={type.name} />}
      <NewVersion key={type.newest ?? 0} type={type} schema={detail.schema ?? null} />
      {samples.length > 0 && (
        <PanelSection title="Samples">
          <div className={css.stack}>
            {samples.map((sample, at) => (
              <JsonBlock key={at} value={sample} what={`sample ${String(at + 1)}`} />
            ))}
          </div>
        </PanelSection>
      )}
    </>
  );
}

const POLICIES = {
  open: "open: nothing is checked",
  warn: "warn: what does not fit is stored and listed",
  enforce: "enforce: what does not fit is refused",
};
