import { area, curve, niceCeiling } from "./curve";

const WIDTH = 100;
const HEIGHT = 32;
const MARGIN = 1.5;

interface SparklineProps {
  values: number[];
  color: string;
  className?: string | undefined;
}

/** A trend without axes; decoration beside the number that says it. */
export function Sparkline({ values, color, className }: SparklineProps) {
  const top = niceCeiling(Math.max(0, ...values));
  const points = values.map((value, i) => ({
    x: values.length < 2 ? WIDTH : (i / (values.length - 1)) * WIDTH,
    y: HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN),
  }));
  return (
    <svg className={className} viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} preserveAspectRatio="none" aria-hidden>
      <path d={area(points, HEIGHT)} fill={color} opacity={0.12} />
      <path d={curve(points)} fill="none" stroke={color} strokeWidth={1.5} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
