import type { Schedule, ScheduleDeclaration } from "~/api/resources";
import { StateBadge } from "~/design";

/** "queue reports" or "event shop.hour". */
export function targetOf({ queue, event }: ScheduleDeclaration): string {
  return queue == null ? `event ${event ?? ""}` : `queue ${queue}`;
}

export function ScheduleState({ schedule: { paused }, testId }: { schedule: Schedule; testId?: string }) {
  const state = paused ? "paused" : "active";
  return (
    <StateBadge state={state} {...(testId === undefined ? {} : { testId })}>
      {paused ? "paused" : "running"}
    </StateBadge>
  );
}
