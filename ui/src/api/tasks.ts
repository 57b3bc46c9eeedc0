import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { allows } from "./permission";
import type { Task, TaskPage, TaskReply, TaskRequest, TaskState, TaskStep } from "./resources";
import { usePlace } from "./workspace";

const PAGE = 50;
const FRESH_MS = 2000;

const ENDS: TaskState[] = ["completed", "failed", "canceled", "rejected"];
export const TASK_STATES: TaskState[] = ["submitted", "working", "input-required", "auth-required", ...ENDS];

/** Whether it will never change again. */
export function hasEnded(task: Task): boolean {
  return ENDS.includes(task.status.state);
}

/** Whether it is its caller's turn. */
export function waitsForCaller({ status }: Task): boolean {
  return status.state === "input-required" || status.state === "auth-required";
}

/** Which tasks; null leaves a condition out. */
export interface TaskSearch {
  state: TaskState | null;
  agent: string | null;
  skill: string | null;
  caller: string | null;
  context: string | null;
}

/** Tasks, those that changed last first; only as many as asked for where a list has no next page. */
export function useTasks({ state, agent, skill, caller, context }: TaskSearch, limit = PAGE) {
  const { workspace } = usePlace();
  return useInfiniteQuery({
    queryKey: ["tasks", workspace, state, agent, skill, caller, context, limit],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }): Promise<TaskPage> =>
      unwrap(
        client.GET("/api/v1/w/{workspace}/tasks", {
          params: {
            path: { workspace },
            query: {
              limit,
              ...(state === null ? {} : { state }),
              ...(agent === null ? {} : { agent }),
              ...(skill === null ? {} : { skill }),
              ...(caller === null ? {} : { caller }),
              ...(context === null ? {} : { context_id: context }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: FRESH_MS,
  });
}

export function taskKey(workspace: string, id: string) {
  return ["task", workspace, id];
}

export function courseKey(workspace: string, id: string) {
  return ["task-course", workspace, id];
}

export function useTask(id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: taskKey(workspace, id),
    queryFn: (): Promise<Task> =>
      unwrap(client.GET("/api/v1/w/{workspace}/tasks/{task_id}", { params: { path: { workspace, task_id: id } } })),
  });
}

/** Every step of it so far. */
export function useCourse(id: string) {
  const { workspace } = usePlace();
  return useQuery({
    queryKey: courseKey(workspace, id),
    queryFn: async () => {
      const params = { path: { workspace, task_id: id } };
      const course = await unwrap(client.GET("/api/v1/w/{workspace}/tasks/{task_id}/course", { params }));
      return { items: course.items as TaskStep[] };
    },
  });
}

/** Answer what it asked. */
export function useReply(id: string) {
  return useTaskChange(id, (workspace, body: TaskReply) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/tasks/{task_id}/messages", {
        params: { path: { workspace, task_id: id } },
        body,
      }),
    ),
  );
}

export function useCancelTask(id: string) {
  return useTaskChange(id, (workspace, reason: string) =>
    unwrap(
      client.POST("/api/v1/w/{workspace}/tasks/{task_id}/cancel", {
        params: { path: { workspace, task_id: id } },
        body: { reason },
      }),
    ),
  );
}

/** Start one; answered when it is on record. */
export function useStartTask() {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: TaskRequest): Promise<Task> =>
      unwrap(client.POST("/api/v1/w/{workspace}/tasks", { params: { path: { workspace } }, body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["tasks", workspace] }),
  });
}

/** Why whoever is signed in may not steer it; one's own needs less than everybody's. */
export function useSteeringDenied({ caller }: Task): string | undefined {
  const { who } = usePlace();
  if (allows(who.scopes, "tasks:write")) return undefined;
  if (caller !== who.principal) return "It is not yours, and your token lacks the scope tasks:write";
  return allows(who.scopes, "tasks:run") ? undefined : "Your token lacks the scope tasks:run";
}

function useTaskChange<Wanted>(id: string, change: (workspace: string, wanted: Wanted) => Promise<Task>) {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Wanted) => change(workspace, wanted),
    onSuccess: (task) => {
      queries.setQueryData(taskKey(workspace, id), task);
    },
    onSettled: () => {
      for (const key of [["tasks", workspace], taskKey(workspace, id), courseKey(workspace, id)]) {
        void queries.invalidateQueries({ queryKey: key });
      }
    },
  });
}
