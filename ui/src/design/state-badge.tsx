import type { ReactNode } from "react";

import css from "./state-badge.module.css";

export type Tone = "ok" | "warn" | "danger" | "neutral" | "accent";

const TONES: Record<string, Tone> = {
  healthy: "ok",
  active: "ok",
  live: "ok",
  redriven: "ok",
  starting: "accent",
  connecting: "accent",
  draining: "warn",
  reconnecting: "warn",
  offline: "neutral",
  unknown: "neutral",
  paused: "warn",
  deleting: "danger",
  waiting: "danger",
  queued: "accent",
  running: "accent",
  completed: "ok",
  failed: "danger",
  cancelled: "neutral",
  canceled: "neutral",
  submitted: "accent",
  working: "accent",
  "input-required": "warn",
  "auth-required": "warn",
  rejected: "danger",
  degraded: "warn",
  unhealthy: "danger",
  connected: "ok",
  changed: "warn",
  failing: "danger",
  unreachable: "danger",
};

interface StateBadgeProps {
  state: string;
  /** Only where the state's own colour does not fit. */
  tone?: Tone;
  /** A ring around the dot moves: this is happening now. */
  pulse?: boolean;
  /** Without the pill around it. */
  plain?: boolean;
  children?: ReactNode;
  testId?: string;
}

/** A state as a coloured dot and its word; never by colour alone. */
export function StateBadge({ state, tone, pulse = false, plain = false, children, testId }: StateBadgeProps) {
  return (
    <span
      className={css.badge}
      data-tone={tone ?? TONES[state] ?? "neutral"}
      data-plain={plain}
      data-state={state}
      data-testid={testId}
    >
      <span className={css.dot} data-pulse={pulse} aria-hidden />
      {children ?? state}
    </span>
  );
}
