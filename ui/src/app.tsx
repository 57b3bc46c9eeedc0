import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { RouterProvider } from "react-router";

import { mayPass, problemOf } from "./api/problem";
import { Toasts, schemeManager, theme } from "./design";
import { createRouter } from "./routes";

const RETRIES = 2;

/** Only what may pass by itself is tried again. */
function worthRetrying(failures: number, error: Error): boolean {
  return failures < RETRIES && mayPass(problemOf(error));
}

interface AppProps {
  /** In tests nothing moves: what opens is open at once. */
  env?: "default" | "test";
}

export function App({ env = "default" }: AppProps) {
  const [queries] = useState(
    () => new QueryClient({ defaultOptions: { queries: { retry: worthRetrying, staleTime: 1000 } } }),
  );
  const [router] = useState(createRouter);
  return (
    <MantineProvider theme={theme} colorSchemeManager={schemeManager} defaultColorScheme="auto" env={env}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
        <Toasts />
      </QueryClientProvider>
    </MantineProvider>
  );
}
