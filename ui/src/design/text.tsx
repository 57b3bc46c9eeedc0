import type { ReactNode } from "react";

import css from "./text.module.css";

/** What matters less than what stands beside it. */
export function Quiet({ children }: { children: ReactNode }) {
  return <span className={css.quiet}>{children}</span>;
}

/** A line or two in words. */
export function Sentence({ children, testId }: { children: ReactNode; testId?: string }) {
  return (
    <p className={css.sentence} data-testid={testId}>
      {children}
    </p>
  );
}
