import type { ReactNode } from "react";

import css from "./panel.module.css";

interface PanelProps {
  title?: ReactNode;
  /** At the right of the title. */
  aside?: ReactNode;
  /** Without padding, for tables and lists that reach the edges. */
  flush?: boolean;
  label?: string;
  className?: string | undefined;
  children: ReactNode;
}

/** A box on the page; with a title it is a named region. */
export function Panel({ title, aside, flush = false, label, className, children }: PanelProps) {
  return (
    <section className={`${css.panel ?? ""} ${className ?? ""}`} aria-label={label}>
      {title !== undefined && (
        <header className={css.head}>
          <h2 className={css.title}>{title}</h2>
          {aside}
        </header>
      )}
      <div className={flush ? css.flush : css.body}>{children}</div>
    </section>
  );
}
