import type { ReactNode } from "react";

import css from "./form.module.css";

/** Fields in two columns, in one where it is narrow; Enter submits. */
export function Form({ label, onSubmit, children }: { label?: string; onSubmit: () => void; children: ReactNode }) {
  return (
    <form
      className={css.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** What takes the whole width of a form. */
export function Wide({ children }: { children: ReactNode }) {
  return <div className={css.wide}>{children}</div>;
}

/** Buttons beside each other, and what is said about them. */
export function Actions({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <div className={css.actions} role={label === undefined ? undefined : "group"} aria-label={label}>
      {children}
    </div>
  );
}
