import type { ReactNode } from "react";
import { Link } from "react-router";

import css from "./text.module.css";

/** What matters less than what stands beside it. */
export function Quiet({ children }: { children: ReactNode }) {
  return <span className={css.quiet}>{children}</span>;
}

/** A line or two in words. */
export function Sentence({ children }: { children: ReactNode }) {
  return <p className={css.sentence}>{children}</p>;
}

interface RowLinkProps {
  to: string;
  name: ReactNode;
  /** More lines under the name. */
  children?: ReactNode;
}

/** A table row's first cell: its name, which leads to it. The row itself is what the keyboard reaches. */
export function RowLink({ to, name, children }: RowLinkProps) {
  return (
    <Link to={to} className={css.row} tabIndex={-1}>
      <span className={css.name}>{name}</span>
      {children}
    </Link>
  );
}
