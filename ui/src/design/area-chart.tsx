import { useElementSize, useReducedMotion } from "@mantine/hooks";
import { useId, useLayoutEffect, useRef, useState } from "react";
import type { PointerEvent } from "react";

import css from "./area-chart.module.css";
import { ChartLegend } from "./chart-legend";
import { area, curve, niceCeiling } from "./curve";
import { rate } from "./format";

export interface Series {
  label: string;
  color: string;
  values: number[];
}

interface AreaChartProps {
  /** What the chart shows, for those who cannot see it. */
  label: string;
  times: string[];
  series: Series[];
  /** How many samples fill the width. */
  span: number;
  unit?: string;
  height?: number;
}

const GUTTER = 40;
const TOP = 8;
const BOTTOM = 20;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const STEP_MS = 1000;

/** Series over the same recent time. New samples glide in from the right. */
export function AreaChart({ label, times, series, span, unit = "", height = 188 }: AreaChartProps) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const [hovered, setHovered] = useState<number | null>(null);
  const id = useId();
  const plot = { width: Math.max(0, width - GUTTER), height: height - TOP - BOTTOM };
  const step = plot.width / Math.max(1, span - 1);
  const peak = niceCeiling(Math.max(0, ...series.flatMap((each) => each.values)));
  const moving = useGlide(times.at(-1), step);
  const x = (i: number) => GUTTER + plot.width - (times.length - 1 - i) * step;
  const y = (value: number) => TOP + plot.height * (1 - value / peak);
  const at = hovered === null ? null : Math.min(hovered, times.length - 1);

  const onPointerMove = (event: PointerEvent<SVGSVGElement>) => {
    const from = event.currentTarget.getBoundingClientRect().left;
    const index = times.length - 1 - Math.round((GUTTER + plot.width - (event.clientX - from)) / step);
    setHovered(index >= 0 && index < times.length ? index : null);
  };

  return (
    <div className={css.chart} ref={ref}>
      <ChartLegend series={series} unit={unit} index={at ?? times.length - 1} time={at === null ? null : times[at]} />
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={label}
        onPointerMove={onPointerMove}
        onPointerLeave={() => {
          setHovered(null);
        }}
      >
        <defs>
          <clipPath id={`${id}-plot`}>
            <rect x={GUTTER} y={0} width={plot.width} height={height} />
          </clipPath>
          {series.map((each, i) => (
            <linearGradient key={each.label} id={`${id}-${String(i)}`} x1="0" y1="0" x2="0" y2="1">
              <stop offset="0" stopColor={each.color} stopOpacity={0.28} />
              <stop offset="1" stopColor={each.color} stopOpacity={0.01} />
            </linearGradient>
          ))}
        </defs>
        {TICKS.map((tick) => (
          <g key={tick}>
            <line className={css.grid} x1={GUTTER} x2={width} y1={y(tick * peak)} y2={y(tick * peak)} />
            <text className={css.tick} x={GUTTER - 8} y={y(tick * peak)} textAnchor="end" dominantBaseline="central">
              {rate(tick * peak)}
            </text>
          </g>
        ))}
        {[1, 0.5, 0].map((part) => (
          <text
            key={part}
            className={css.tick}
            x={GUTTER + plot.width * (1 - part)}
            y={height - 5}
            textAnchor={part === 1 ? "start" : part === 0 ? "end" : "middle"}
          >
            {part === 0 ? "now" : `−${String(Math.round(span * part))} s`}
          </text>
        ))}
        <g clipPath={`url(#${id}-plot)`}>
          <g ref={moving}>
            {series.map((each, i) => {
              const points = each.values.map((value, k) => ({ x: x(k), y: y(value) }));
              return (
                <g key={each.label}>
                  <path d={area(points, TOP + plot.height)} fill={`url(#${id}-${String(i)})`} />
                  <path className={css.line} d={curve(points)} stroke={each.color} />
                </g>
              );
            })}
          </g>
          {at !== null && <line className={css.cursor} x1={x(at)} x2={x(at)} y1={TOP} y2={TOP + plot.height} />}
          {at !== null &&
            series.map((each) => (
              <circle key={each.label} className={css.knob} cx={x(at)} cy={y(each.values[at] ?? 0)} r={4} fill={each.color} />
            ))}
        </g>
      </svg>
    </div>
  );
}

/** Slide the plot by one step for each new sample, at the pace in which they come. */
function useGlide(newest: string | undefined, step: number) {
  const moving = useRef<SVGGElement>(null);
  const still = useReducedMotion();
  useLayoutEffect(() => {
    if (still || newest === undefined || step === 0 || typeof moving.current?.animate !== "function") return;
    moving.current.animate(
      [{ transform: `translateX(${String(step)}px)` }, { transform: "translateX(0)" }],
      { duration: STEP_MS, easing: "linear" },
    );
  }, [newest, step, still]);
  return moving;
}
