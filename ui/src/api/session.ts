import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { client, unwrap } from "./client";
import { ProblemError } from "./problem";
import type { Whoami } from "./resources";

export const SESSION_KEY = ["session"];
const ANY_WORKSPACE = "*";
const FIRST_WORKSPACE = "default";

async function whoami(): Promise<Whoami | null> {
  try {
    return await unwrap(client.GET("/api/v1/session"));
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 401) return null;
    throw error;
  }
}

/** Who is signed in; `null` is nobody. Asked again on return to the tab: another may have signed in or out. */
export function useSession() {
  return useQuery({ queryKey: SESSION_KEY, queryFn: whoami, staleTime: Infinity, refetchOnWindowFocus: "always" });
}

/** The workspace that this principal looks at. */
export function workspaceOf(who: Whoami): string {
  return who.workspace === ANY_WORKSPACE ? FIRST_WORKSPACE : who.workspace;
}

/** Trade a sign-in link's secret for the session cookie. */
export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (secret: string) => unwrap(client.POST("/api/v1/session", { body: { secret } })),
    onSuccess: (who) => {
      queries.setQueryData(SESSION_KEY, who);
    },
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(client.DELETE("/api/v1/session")),
    onSettled: () => {
      queries.setQueryData(SESSION_KEY, null);
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
    },
  });
}
