import type { ReactNode } from "react";
import { Link } from "react-router";

import css from "./cells.module.css";
import { count } from "./format";

interface RowLinkProps {
  to: string;
  name: ReactNode;
  /** A line below that says more, cut where it is too long. */
  under?: ReactNode;
  /** More lines, as they are. */
  children?: ReactNode;
}

/** A table row's first cell: its name, which leads to it. The row itself is what the keyboard reaches. */
export function RowLink({ to, name, under, children }: RowLinkProps) {
  return (
    <Link to={to} className={css.row} tabIndex={-1}>
      <span className={css.name}>{name}</span>
      {under !== undefined && under !== "" && <span className={css.under}>{under}</span>}
      {children}
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
