import type { ReactNode } from "react";

import css from "./disclosure.module.css";

/** What is shown on demand only; or from the beginning, where `open`. */
export function Disclosure({ summary, open = false, children }: { summary: ReactNode; open?: boolean; children: ReactNode }) {
  return (
    <details className={css.details} open={open}>
      <summary>{summary}</summary>
      <div className={css.inside}>{children}</div>
    </details>
  );
}
