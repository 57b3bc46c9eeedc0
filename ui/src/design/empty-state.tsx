import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import css from "./message.module.css";

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
}

/** Nothing here: why, and what would change it. */
export function EmptyState({ icon: Icon, title, children }: EmptyStateProps) {
  return (
    <div className={css.message}>
      <span className={css.icon} aria-hidden>
        <Icon size={20} strokeWidth={1.75} />
      </span>
      <p className={css.title}>{title}</p>
      {children !== undefined && <div className={css.detail}>{children}</div>}
    </div>
  );
}
