import type { ReactNode } from "react";

import type { Tone } from "./state-badge";
import css from "./timeline.module.css";

interface TimelineItemProps {
  marker: ReactNode;
  tone?: Tone;
  testId?: string;
  children: ReactNode;
}

/** Things that happened one after the other. */
export function Timeline({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ol className={css.line} aria-label={label}>
      {children}
    </ol>
  );
}

export function TimelineItem({ marker, tone = "neutral", testId, children }: TimelineItemProps) {
  return (
    <li className={css.item} data-testid={testId}>
      <span className={css.marker} data-tone={tone}>
        {marker}
      </span>
      <div className={css.body}>{children}</div>
    </li>
  );
}
