import type { ReactNode } from "react";

import css from "./chip.module.css";

/** A short name among others: a skill, a lane, a type. */
export function Chip({ children, title }: { children: ReactNode; title?: string | undefined }) {
  return (
    <span className={css.chip} title={title}>
      <span className={css.name}>{children}</span>
    </span>
  );
}
