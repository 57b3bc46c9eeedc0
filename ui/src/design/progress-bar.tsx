import css from "./progress-bar.module.css";

interface ProgressBarProps {
  label: string;
  done: number;
  /** null while nobody knows how much there is. */
  total: number | null;
  failed?: number;
  /** Whether it moves. */
  active?: boolean;
}

const percent = (part: number, whole: number) => `${String(Math.min(100, (part / Math.max(1, whole)) * 100))}%`;

/** How far something is; what failed is a part of its own. */
export function ProgressBar({ label, done, total, failed = 0, active = false }: ProgressBarProps) {
  const known = total !== null;
  return (
    <div
      className={css.track}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total ?? undefined}
      aria-valuenow={known ? done + failed : undefined}
      data-unknown={!known && active}
    >
      {known && <span className={css.done} data-active={active} style={{ width: percent(done, total) }} />}
      {known && failed > 0 && <span className={css.failed} style={{ width: percent(failed, total) }} />}
    </div>
  );
}
