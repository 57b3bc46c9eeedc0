export interface Point {
  x: number;
  y: number;
}

/** An SVG path through the points that never overshoots them (Fritsch–Carlson monotone cubic). */
export function curve(points: Point[]): string {
  const first = points[0];
  if (first === undefined) return "";
  const slopes = tangents(points);
  let path = `M${fixed(first.x)},${fixed(first.y)}`;
  for (let i = 1; i < points.length; i += 1) {
    const from = points[i - 1] as Point;
    const to = points[i] as Point;
    const third = (to.x - from.x) / 3;
    const out = from.y + third * (slopes[i - 1] ?? 0);
    const into = to.y - third * (slopes[i] ?? 0);
    path += `C${fixed(from.x + third)},${fixed(out)} ${fixed(to.x - third)},${fixed(into)} ${fixed(to.x)},${fixed(to.y)}`;
  }
  return path;
}

/** The area between such a curve and `floor`. */
export function area(points: Point[], floor: number): string {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return "";
  return `${curve(points)}L${fixed(last.x)},${fixed(floor)}L${fixed(first.x)},${fixed(floor)}Z`;
}

function tangents(points: Point[]): number[] {
  const secants = points.slice(1).map((to, i) => {
    const from = points[i] as Point;
    return to.x === from.x ? 0 : (to.y - from.y) / (to.x - from.x);
  });
  return points.map((_, i) => {
    const before = secants[i - 1];
    const after = secants[i];
    if (before === undefined) return after ?? 0;
    if (after === undefined) return before;
    if (before * after <= 0) return 0;
    return (2 * before * after) / (before + after);
  });
}

/** The next of 1, 2, 5 × 10ⁿ that holds `value`: an axis that seldom changes. */
export function niceCeiling(value: number): number {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}
