import { Link } from "react-router";

import type { Life } from "~/api/resources";
import { Chip, Marked, PanelSection, Quiet, RelativeTime, Timeline, TimelineItem } from "~/design";

import css from "./detail.module.css";
import { reasonLabel } from "./reasons";

interface LivesProps {
  /** Oldest first. */
  lives: Life[];
  /** The letter in view. */
  current: string;
}

/** A message that died more than once: each death, and who sent it again. */
export function Lives({ lives, current }: LivesProps) {
  if (lives.length < 2) return null;
  return (
    <PanelSection title="Redrives" aside={<Quiet>died {lives.length} times</Quiet>}>
      <Timeline label="Redrives">
        {lives.map((life, at) => (
          <TimelineItem key={life.letter_id} marker={at + 1} tone={life.letter_id === current ? "danger" : "neutral"} testId="life">
            <div className={css.attempt}>
              {life.letter_id === current ? (
                <b>This letter</b>
              ) : (
                <Link to={`/dead-letters/${life.letter_id}`}>
                  <b>An earlier letter</b>
                </Link>
              )}
              <span className={css.meta}>
                {life.reader} <Chip>{life.lane}</Chip> · {reasonLabel(life.reason)} · died <RelativeTime at={life.died_at} />
              </span>
            </div>
            {life.error !== "" && (
              <p className={css.message}>
                <Marked text={life.error} />
              </p>
            )}
            {life.redriven_at !== null && (
              <p className={css.meta}>
                {life.edited_by === null ? "redriven" : `edited by ${life.edited_by}, redriven`}{" "}
                <RelativeTime at={life.redriven_at} />
                {life.redriven_by !== null && ` by ${life.redriven_by}`}
              </p>
            )}
          </TimelineItem>
        ))}
      </Timeline>
    </PanelSection>
  );
}
