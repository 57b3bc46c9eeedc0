import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { Task, TaskStep } from "~/api/resources";
import { courseKey, taskKey } from "~/api/tasks";
import { usePlace } from "~/api/workspace";

import { openStream } from "./stream";
import type { StreamState } from "./stream";

const FLUSH_MS = 200;

interface Course {
  items: TaskStep[];
}

/** Follow a task while it goes on: what is shown of it, and its course, are kept up to date. */
export function useTaskLive(id: string, on: boolean): StreamState {
  const { workspace } = usePlace();
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    if (!on) return undefined;
    let arrived: TaskStep[] = [];
    let was: StreamState = "connecting";
    const readAnew = () => {
      void queries.invalidateQueries({ queryKey: taskKey(workspace, id) });
    };
    const flush = () => {
      if (arrived.length === 0) return;
      const steps = arrived;
      arrived = [];
      queries.setQueryData<Course>(courseKey(workspace, id), (known) => known && { items: joined(known.items, steps) });
      const progress = steps.findLast(({ event }) => event.kind === "progress")?.event.progress;
      if (steps.every(({ event }) => event.kind === "progress") && progress != null) {
        queries.setQueryData<Task>(taskKey(workspace, id), (known) => known && { ...known, progress });
      } else {
        readAnew();
      }
    };
    const timer = window.setInterval(flush, FLUSH_MS);
    const close = openStream({
      url: `/api/v1/w/${encodeURIComponent(workspace)}/tasks/${encodeURIComponent(id)}/events`,
      event: "step",
      onMessage: (data) => {
        arrived.push(JSON.parse(data) as TaskStep);
      },
      onState: (next) => {
        setState(next);
        // What was written while nobody followed.
        if (next === "live" && was !== "live") {
          readAnew();
          void queries.invalidateQueries({ queryKey: courseKey(workspace, id) });
        }
        was = next;
      },
      onFailure: readAnew,
    });
    return () => {
      window.clearInterval(timer);
      close();
      flush();
    };
  }, [id, on, queries, workspace]);
  return state;
}

function joined(known: TaskStep[], steps: TaskStep[]): TaskStep[] {
  const last = known.at(-1)?.seq ?? 0;
  return [...known, ...steps.filter(({ seq }) => seq > last)];
}
