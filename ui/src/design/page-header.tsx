import { useEffect } from "react";
import type { ReactNode } from "react";

import css from "./page-header.module.css";

interface PageHeaderProps {
  title: string;
  hint?: ReactNode;
  children?: ReactNode;
}

/** The page's name, one line on it, and what can be done on it; names the browser's tab too. */
export function PageHeader({ title, hint, children }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Trunkline`;
  }, [title]);
  return (
    <header className={css.header}>
      <div className={css.words}>
        <h1 className={css.title}>{title}</h1>
        {hint !== undefined && <p className={css.hint}>{hint}</p>}
      </div>
      {children !== undefined && <div className={css.actions}>{children}</div>}
    </header>
  );
}
