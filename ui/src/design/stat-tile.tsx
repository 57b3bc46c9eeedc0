import type { ReactNode } from "react";

import css from "./stat-tile.module.css";
import { Sparkline } from "./sparkline";

interface StatTileProps {
  label: string;
  value: ReactNode;
  /** Follows the value in small type, such as "/s". */
  unit?: string;
  hint?: ReactNode;
  trend?: number[];
  color?: string;
  /** Something here wants attention. */
  alarm?: boolean;
  testId?: string;
}

/** One number, what it means, and where it has been. */
export function StatTile({ label, value, unit, hint, trend, color, alarm = false, testId }: StatTileProps) {
  return (
    <div className={css.tile} data-alarm={alarm} data-testid={testId}>
      <div className={css.label}>{label}</div>
      <div className={css.value}>
        {value}
        {unit !== undefined && <span className={css.unit}>{unit}</span>}
      </div>
      {hint !== undefined && <div className={css.hint}>{hint}</div>}
      {trend !== undefined && <Sparkline values={trend} color={color ?? "var(--tl-text-3)"} className={css.trend} />}
    </div>
  );
}
