
import { TASK_STATES } from "~/api/tasks";
import type { TaskSearch } from "~/api/tasks";
import { useAddress } from "~/shell/address";

export type TaskField = keyof TaskSearch;

export interface TaskFilter {
  wanted: TaskSearch;
  narrowed: boolean;
  /** As it stands in an address, to carry it from page to page. */
  search: string;
  set: (field: TaskField, value: string | null) => void;
  clear: () => void;
}

/** The list's filter, kept in the address so that it can be passed on. */
export function useTaskFilter(): TaskFilter {
  const { params, set, clear } = useAddress();
  const wanted: TaskSearch = {
    state: TASK_STATES.find((state) => state === params.get("state")) ?? null,
    agent: params.get("agent"),
    skill: params.get("skill"),
    caller: params.get("caller"),
    context: params.get("context"),
  };
  return {
    wanted,
    narrowed: Object.values(wanted).some((value) => value !== null),
    search: params.size === 0 ? "" : `?${params.toString()}`,
    set,
    clear,
  };
}
