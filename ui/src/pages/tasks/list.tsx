import { Button, Skeleton } from "@mantine/core";
import { SearchX, SquareCheckBig } from "lucide-react";
import { Link } from "react-router";

import { problemOf } from "~/api/problem";
import type { Task } from "~/api/resources";
import { hasEnded, useTasks } from "~/api/tasks";
import {
  DataTable, EmptyState, ErrorState, ListFoot, LoadMore, Panel, ProgressBar, Quiet, RelativeTime, RowLink,
} from "~/design";
import type { Column } from "~/design";
import { TaskStateBadge } from "~/tasks/progress";

import type { TaskFilter } from "./filter";
import css from "./page.module.css";

interface TaskListProps {
  filter: TaskFilter;
  selected: string | undefined;
  onOpen: (id: string) => void;
}

export function TaskList({ filter, selected, onOpen }: TaskListProps) {
  const tasks = useTasks(filter.wanted);
  const rows = tasks.data?.pages.flatMap((page) => page.items);
  return (
    <Panel flush label="Tasks">
      {tasks.isError && rows === undefined && (
        <ErrorState problem={problemOf(tasks.error)} onRetry={() => void tasks.refetch()} />
      )}
      {tasks.isPending && <Skeleton height={280} radius={0} />}
      {rows !== undefined && (
        <DataTable
          label="Tasks"
          columns={taskColumns(filter.search)}
          rows={rows}
          rowKey={({ id }) => id}
          rowTestId="task-row"
          selected={selected}
          onOpen={({ id }) => {
            onOpen(id);
          }}
          empty={<NoTasks filter={filter} />}
        />
      )}
      <ListFoot>
        <LoadMore list={tasks} />
      </ListFoot>
    </Panel>
  );
}

function NoTasks({ filter }: { filter: TaskFilter }) {
  if (filter.narrowed) {
    return (
      <EmptyState icon={SearchX} title="No task matches the filter">
        <Button variant="default" onClick={filter.clear}>
          Clear the filter
        </Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={SquareCheckBig} title="No task was started yet">
      Start one from a skill of an <Link to="/agents">agent</Link>, or with <code>trunkline tasks start</code>.
    </EmptyState>
  );
}

export function taskColumns(search: string): Column<Task>[] {
  return [
    {
      key: "skill",
      title: "Task",
      cell: (task) => <RowLink to={`/tasks/${encodeURIComponent(task.id)}${search}`} name={task.skill} under={under(task)} />,
    },
    { key: "state", title: "State", cell: (task) => <TaskStateBadge task={task} /> },
    { key: "progress", title: "Progress", width: "110px", priority: "medium", cell: (task) => <Progress task={task} /> },
    { key: "agent", title: "Agent", priority: "low", cell: ({ agent }) => agent },
    { key: "caller", title: "Caller", priority: "low", cell: ({ caller }) => <Quiet>{caller}</Quiet> },
    {
      key: "changed",
      title: "Changed",
      align: "right",
      cell: ({ updated_at: at }) => (
        <Quiet>
          <RelativeTime at={at} />
        </Quiet>
      ),
    },
  ];
}

function Progress({ task }: { task: Task }) {
  if (task.progress === null) return null;
  const percent = Math.round(task.progress.fraction * 100);
  return (
    <span className={css.bar} title={`${String(percent)} %`}>
      <ProgressBar label={`Progress of ${task.skill}`} done={percent} total={100} active={!hasEnded(task)} />
    </span>
  );
}

/** The last word on it: why it failed, what it asks, what it does. */
function under({ error, status, progress, caller, origin }: Task): string {
  const said = (status.message?.parts ?? []).find(({ text }) => typeof text === "string")?.text;
  return (error?.detail ?? said ?? progress?.message) || `for ${caller} by ${origin}`;
}
