import { Skeleton } from "@mantine/core";

import { useVersions } from "~/api/event-types";
import { problemOf } from "~/api/problem";
import {
  Chip, Disclosure, ErrorState, JsonBlock, PanelSection, Quiet, RelativeTime, Sentence, Timeline, TimelineItem,
} from "~/design";

import css from "./page.module.css";

/** Every version of its schema, newest first. */
export function Versions({ name }: { name: string }) {
  const versions = useVersions(name);
  return (
    <PanelSection title="Versions">
      {versions.isPending && <Skeleton height={80} radius="md" />}
      {versions.isError && <ErrorState compact problem={problemOf(versions.error)} />}
      {versions.data?.length === 0 && <Sentence>It has no schema yet; anything may be sent.</Sentence>}
      {versions.data !== undefined && versions.data.length > 0 && (
        <Timeline label="Versions">
          {versions.data.map((version, at) => (
            <TimelineItem key={version.number} marker={version.number} tone={at === 0 ? "ok" : "neutral"} testId="version">
              <div className={css.version}>
                <span>
                  by <b>{version.author}</b>{" "}
                  <Quiet>
                    <RelativeTime at={version.created_at} />
                    {version.note !== "" && ` · ${version.note}`}
                  </Quiet>
                </span>
                {version.deprecated_at != null && <Chip>deprecated</Chip>}
              </div>
              <Disclosure summary="Schema" open={at === 0}>
                <JsonBlock value={version.schema} what={`schema of version ${String(version.number)}`} />
              </Disclosure>
            </TimelineItem>
          ))}
        </Timeline>
      )}
    </PanelSection>
  );
}
