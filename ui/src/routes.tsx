import { createBrowserRouter } from "react-router";

import { PAGES } from "./pages";
import { NotFoundPage } from "./pages/not-found";
import { PageCrashed } from "./pages/page-crashed";
import { SigninPage } from "./pages/signin/page";
import { RequireSession } from "./shell/require-session";
import { Shell } from "./shell/shell";

/** Every address of the dashboard. */
export function createRouter() {
  return createBrowserRouter([
    { path: "/signin", element: <SigninPage />, errorElement: <PageCrashed /> },
    {
      element: <RequireSession />,
      errorElement: <PageCrashed />,
      hydrateFallbackElement: <></>,
      children: [
        {
          element: <Shell />,
          children: [
            {
              errorElement: <PageCrashed />,
              children: [
                ...PAGES.map(({ path, lazy }) => ({ path, lazy })),
                { path: "*", element: <NotFoundPage /> },
              ],
            },
          ],
        },
      ],
    },
  ]);
}
