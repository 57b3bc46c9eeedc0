import css from "./area-chart.module.css";
import type { Series } from "./area-chart";
import { clock, rate } from "./format";

interface ChartLegendProps {
  series: Series[];
  unit: string;
  index: number;
  /** The time pointed at; none is now. */
  time: string | null | undefined;
}

/** Names the series, with their values now or where the pointer is. */
export function ChartLegend({ series, unit, index, time }: ChartLegendProps) {
  return (
    <div className={css.legend}>
      {series.map((each) => (
        <span key={each.label} className={css.entry}>
          <span className={css.swatch} style={{ background: each.color }} aria-hidden />
          {each.label}
          <b className={css.number}>
            {rate(each.values[index] ?? 0)}
            {unit}
          </b>
        </span>
      ))}
      <span className={css.time}>{typeof time === "string" ? clock(time) : ""}</span>
    </div>
  );
}
