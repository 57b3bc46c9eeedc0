import { useCallback } from "react";
import { useNavigate, useParams } from "react-router";

import { PageHeader, SplitView } from "~/design";

import { TaskDetail } from "./detail";
import { useTaskFilter } from "./filter";
import { TaskFilterBar } from "./filter-bar";
import { TaskList } from "./list";

/** Long work: who asked whom for what, how far it is, and what came of it. */
export function TasksPage() {
  const { id } = useParams();
  const navigate = useNavigate();
  const filter = useTaskFilter();
  const { search } = filter;
  const open = useCallback((task: string) => void navigate(`/tasks/${encodeURIComponent(task)}${search}`), [navigate, search]);
  const close = useCallback(() => void navigate(`/tasks${search}`), [navigate, search]);
  return (
    <SplitView detail={id === undefined ? null : <TaskDetail key={id} id={id} onClose={close} />} onClose={close}>
      <PageHeader title="Tasks" hint="Long work of agents: on record, answered and called off here." />
      <TaskFilterBar filter={filter} />
      <TaskList filter={filter} selected={id} onOpen={open} />
    </SplitView>
  );
}
