import { useRouteError } from "react-router";

import { problemOf } from "~/api/problem";
import { ErrorState } from "~/design";

/** In place of a page that failed to render. */
export function PageCrashed() {
  const error = useRouteError();
  return (
    <ErrorState
      problem={problemOf(error)}
      onRetry={() => {
        window.location.reload();
      }}
    />
  );
}
