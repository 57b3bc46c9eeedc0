import { hasEnded } from "~/api/tasks";
import type { Task, TaskState } from "~/api/resources";
import { ProgressBar, Quiet, StateBadge } from "~/design";

import css from "./tasks.module.css";

const WORDS: Partial<Record<TaskState, string>> = {
  "input-required": "asks",
  "auth-required": "wants sign-in",
};

export function TaskStateBadge({ task, testId }: { task: Task; testId?: string }) {
  const { state } = task.status;
  return (
    <StateBadge state={state} pulse={state === "working"} testId={testId}>
      {WORDS[state] ?? state}
    </StateBadge>
  );
}

/** How far it is, as its worker says. */
export function TaskProgress({ task }: { task: Task }) {
  const { progress, status } = task;
  if (progress === null && status.state !== "working") return null;
  const percent = progress === null ? null : Math.round(progress.fraction * 100);
  return (
    <div className={css.progress}>
      <ProgressBar
        label={`Progress of ${task.skill}`}
        done={percent ?? 0}
        total={percent === null ? null : 100}
        active={!hasEnded(task) && status.state === "working"}
      />
      <Quiet>
        <span data-testid="task-progress">
          {percent === null ? "Nobody has said how far it is" : `${String(percent)} %`}
          {progress?.message ? ` · ${progress.message}` : ""}
        </span>
      </Quiet>
    </div>
  );
}
