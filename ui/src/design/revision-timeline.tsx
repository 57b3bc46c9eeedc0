import type { ReactNode } from "react";

import css from "./revision-timeline.module.css";
import { RelativeTime } from "./relative-time";
import { Quiet } from "./text";
import { Timeline, TimelineItem } from "./timeline";

/** One state of something that is declared. */
interface ShownRevision {
  number: number;
  action: "declared" | "removed" | "rolled_back";
  by: string;
  at: string;
  note: string;
}

const ACTIONS = { declared: "declared", removed: "removed", rolled_back: "rolled back" };

interface RevisionTimelineProps<Of extends ShownRevision> {
  revisions: Of[];
  current: number | undefined;
  /** At the right of each: the way back to it. */
  children: (revision: Of) => ReactNode;
}

/** What something was, newest first. */
export function RevisionTimeline<Of extends ShownRevision>({ revisions, current, children }: RevisionTimelineProps<Of>) {
  return (
    <Timeline label="History">
      {revisions.map((one) => (
        <TimelineItem key={one.number} marker={one.number} tone={one.number === current ? "ok" : "neutral"}>
          <div className={css.past}>
            <span>
              {ACTIONS[one.action]} by {one.by}{" "}
              <Quiet>
                <RelativeTime at={one.at} /> {one.note !== "" && `· ${one.note}`}
              </Quiet>
            </span>
            {children(one)}
          </div>
        </TimelineItem>
      ))}
    </Timeline>
  );
}
