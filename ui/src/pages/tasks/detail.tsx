import { Button, Skeleton } from "@mantine/core";
import { Bot, MessagesSquare, Waypoints } from "lucide-react";
import { Link } from "react-router";

import { mayPass, problemOf } from "~/api/problem";
import type { Task } from "~/api/resources";
import { hasEnded, useTask, waitsForCaller } from "~/api/tasks";
import {
  CopyButton, Disclosure, ErrorState, Fact, Facts, JsonBlock, PanelSection, Quiet, RelativeTime, SidePanel, format,
} from "~/design";
import { useTaskLive } from "~/live/task";
import { traceAddress } from "~/pages/trace/search";
import { Answer } from "~/tasks/answer";
import { Artifacts } from "~/tasks/artifacts";
import { Cancel } from "~/tasks/cancel";
import { Conversation } from "~/tasks/conversation";
import { Course } from "~/tasks/course";
import { TaskProgress, TaskStateBadge } from "~/tasks/progress";

import css from "./page.module.css";

interface TaskDetailProps {
  id: string;
  onClose: () => void;
}

/** One task whole: where it stands, what was said, what came of it. */
export function TaskDetail({ id, onClose }: TaskDetailProps) {
  const query = useTask(id);
  const task = query.data;
  const live = useTaskLive(id, task !== undefined && !hasEnded(task));
  return (
    <SidePanel
      label="Task"
      title={task?.skill ?? "Task"}
      badge={task && <TaskStateBadge task={task} testId="task-state" />}
      onClose={onClose}
      testId="task-detail"
      id={id}
    >
      {query.isPending && <Skeleton height={240} radius="md" />}
      {query.isError && !task && (
        <ErrorState
          problem={problemOf(query.error)}
          onRetry={mayPass(problemOf(query.error)) ? () => void query.refetch() : undefined}
        />
      )}
      {task && <Detail task={task} isLive={live === "live"} />}
    </SidePanel>
  );
}

function Detail({ task, isLive }: { task: Task; isLive: boolean }) {
  const ended = hasEnded(task);
  return (
    <>
      <TaskProgress task={task} />
      {waitsForCaller(task) && <Answer key={task.turn} task={task} />}
      {task.error && <ErrorState compact problem={task.error} />}
      <nav className={css.ways} aria-label="From here">
        <Button
          component={Link}
          to={traceAddress("correlation", task.context_id)}
          variant="default"
          leftSection={<Waypoints size={14} />}
        >
          Trace
        </Button>
        <Button
          component={Link}
          to={`/agents/${encodeURIComponent(task.agent)}`}
          variant="default"
          leftSection={<Bot size={14} />}
        >
          {task.agent}
        </Button>
        <Button
          component={Link}
          to={`/tasks?context=${encodeURIComponent(task.context_id)}`}
          variant="default"
          leftSection={<MessagesSquare size={14} />}
        >
          All of this context
        </Button>
        {!ended && <Cancel task={task} />}
      </nav>
      {task.artifacts.length > 0 && (
        <PanelSection title="Artifacts">
          <Artifacts artifacts={task.artifacts} />
        </PanelSection>
      )}
      <PanelSection title="Conversation">
        <Conversation task={task} />
      </PanelSection>
      <PanelSection title="Course" aside={!ended && <Quiet>{isLive ? "live" : "connecting…"}</Quiet>}>
        <Course task={task} />
      </PanelSection>
      <PanelSection title="About">
        <About task={task} />
      </PanelSection>
    </>
  );
}

function About({ task }: { task: Task }) {
  return (
    <>
      <Facts>
        <Fact name="Id">
          <code>{task.id}</code>
          <CopyButton text={task.id} what="task id" />
        </Fact>
        <Fact name="Context">
          <code>{task.context_id}</code>
          <CopyButton text={task.context_id} what="context id" />
        </Fact>
        <Fact name="Caller">
          {task.caller}
          <Quiet>by {task.origin}</Quiet>
        </Fact>
        <Fact name="Started">
          {format.moment(task.created_at)}
        </Fact>
        <Fact name={hasEnded(task) ? "Ended" : "In this state"}>
          <RelativeTime at={task.status.at} />
        </Fact>
        <Fact name="Runs">
          turn {task.turn}, run {task.attempt}
        </Fact>
      </Facts>
      {Object.keys(task.metadata).length > 0 && (
        <Disclosure summary="Metadata">
          <JsonBlock value={task.metadata} what="metadata" />
        </Disclosure>
      )}
    </>
  );
}
