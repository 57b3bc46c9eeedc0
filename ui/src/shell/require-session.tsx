import { Loader } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { Navigate, Outlet } from "react-router";

import { onUnauthorized } from "~/api/client";
import { problemOf } from "~/api/problem";
import { SESSION_KEY, useSession, workspaceOf } from "~/api/session";
import { PlaceContext } from "~/api/workspace";
import { ErrorState } from "~/design";

import css from "./shell.module.css";

/** Lets through who is signed in; everyone else goes to the sign-in page. */
export function RequireSession() {
  const session = useSession();
  const queries = useQueryClient();
  useEffect(
    () =>
      onUnauthorized(() => {
        queries.setQueryData(SESSION_KEY, null);
      }),
    [queries],
  );
  const who = session.data;
  const place = useMemo(() => (who ? { who, workspace: workspaceOf(who) } : null), [who]);

  if (place !== null) {
    return (
      <PlaceContext value={place}>
        <Outlet />
      </PlaceContext>
    );
  }
  if (who === null) return <Navigate to="/signin" replace />;
  return (
    <div className={css.centre}>
      {session.isError ? (
        <ErrorState problem={problemOf(session.error)} onRetry={() => void session.refetch()} />
      ) : (
        <Loader size="sm" aria-label="Loading" />
      )}
    </div>
  );
}
