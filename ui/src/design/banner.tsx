import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import css from "./banner.module.css";

interface BannerProps {
  icon: LucideIcon;
  tone: "warn" | "danger";
  title: string;
  testId?: string;
  children?: ReactNode;
}

/** A condition of the whole system that colours everything below it. */
export function Banner({ icon: Icon, tone, title, testId, children }: BannerProps) {
  return (
    <div className={css.banner} data-tone={tone} role="status" data-testid={testId}>
      <Icon size={15} aria-hidden />
      <span>
        <b>{title}</b> {children}
      </span>
    </div>
  );
}
