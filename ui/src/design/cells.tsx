import type { ReactNode } from "react";
import { Link } from "react-router";

import css from "./cells.module.css";
import { count } from "./format";

/** The first cell of a row: its name leads to it, and a line below says more. */
export function RowLink({ to, name, under }: { to: string; name: ReactNode; under?: ReactNode }) {
  return (
    <Link to={to} className={css.row} tabIndex={-1}>
      <span className={css.name}>{name}</span>
      {under !== undefined && under !== "" && <span className={css.under}>{under}</span>}
    </Link>
  );
}

/** A number of a table; a zero steps back. */
export function Figure({ value, trouble = false }: { value: number; trouble?: boolean }) {
  return (
    <span className={css.figure} data-zero={value === 0} data-trouble={trouble && value > 0}>
      {count(value)}
    </span>
  );
}

/** Small and grey: a time, a side remark. */
export function Quiet({ children }: { children: ReactNode }) {
  return <span className={css.quiet}>{children}</span>;
}

/** A sentence that explains what is beside it. */
export function Note({ children, testId }: { children: ReactNode; testId?: string }) {
  return (
    <p className={css.note} data-testid={testId}>
      {children}
    </p>
  );
}
