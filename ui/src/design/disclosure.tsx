import type { ReactNode } from "react";

import css from "./disclosure.module.css";

/** What is shown on demand only. */
export function Disclosure({ summary, children }: { summary: ReactNode; children: ReactNode }) {
  return (
    <details className={css.details}>
      <summary>{summary}</summary>
      <div className={css.inside}>{children}</div>
    </details>
  );
}
