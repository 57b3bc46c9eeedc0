import { Skeleton } from "@mantine/core";
import {
  Bookmark, CircleCheckBig, CirclePlay, CircleQuestionMark, CircleSlash, CircleX, Gauge, Info, MessageSquare, Package,
} from "lucide-react";
import type { LucideIcon } from "lucide-react";

import { problemOf } from "~/api/problem";
import type { Task } from "~/api/resources";
import { useCourse } from "~/api/tasks";
import { ErrorState, Quiet, RelativeTime, Sentence, Timeline, TimelineItem } from "~/design";
import type { Tone } from "~/design";

import { linesOf } from "./steps";
import type { Line, LineKind } from "./steps";
import css from "./tasks.module.css";

const MARKS: Record<LineKind, [LucideIcon, Tone]> = {
  asked: [CirclePlay, "neutral"],
  said: [MessageSquare, "neutral"],
  status: [Info, "neutral"],
  waits: [CircleQuestionMark, "neutral"],
  progress: [Gauge, "neutral"],
  made: [Package, "neutral"],
  saved: [Bookmark, "neutral"],
  completed: [CircleCheckBig, "ok"],
  failed: [CircleX, "danger"],
  canceled: [CircleSlash, "neutral"],
};

/** What happened to it, step by step, as it happens. */
export function Course({ task }: { task: Task }) {
  const course = useCourse(task.id);
  if (course.isPending) return <Skeleton height={120} radius="md" />;
  if (course.data === undefined) return <ErrorState compact problem={problemOf(course.error)} />;
  const lines = linesOf(course.data.items, task);
  if (lines.length === 0) return <Sentence>Its steps have left the stream; what came of them is above.</Sentence>;
  return (
    <Timeline label="Course">
      {lines.map((line) => (
        <Step key={line.seq} line={line} />
      ))}
    </Timeline>
  );
}

function Step({ line }: { line: Line }) {
  const [Icon, tone] = MARKS[line.kind];
  return (
    <TimelineItem marker={<Icon size={13} aria-hidden />} tone={tone} testId="step">
      <span className={css.step}>
        <span>{line.words}</span>
        <Quiet>
          <RelativeTime at={line.at} />
          {line.run !== "" && ` · ${line.run}`}
        </Quiet>
      </span>
    </TimelineItem>
  );
}
