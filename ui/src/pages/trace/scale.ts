import type { Line } from "./lines";

/** Idle time that is more than this part of the whole is folded: a redrive may come days later. */
const FOLD_PART = 0.6;
const FOLD_FROM_MS = 1000;
const FOLD_WIDTH = 7;
const TICKS = 5;

export interface Fold {
  /** Per cent of the width. */
  from: number;
  width: number;
  ms: number;
}

export interface Tick {
  at: number;
  ms: number;
}

export interface Scale {
  /** Milliseconds from the first to the last. */
  total: number;
  /** Where a moment is, in per cent of the width. */
  at: (moment: number) => number;
  folds: Fold[];
  ticks: Tick[];
}

interface Stretch {
  start: number;
  end: number;
}

/** One time axis for all lines; long stretches in which nothing happened are folded. */
export function scaleOf(lines: Line[]): Scale {
  const spans = lines.flatMap(({ start, end }) => (start === null ? [] : [{ start, end: end ?? start }]));
  const began = Math.min(...spans.map(({ start }) => start));
  const ended = Math.max(...spans.map(({ end }) => end));
  const total = spans.length === 0 ? 0 : ended - began;
  if (total <= 0) return { total: 0, at: () => 0, folds: [], ticks: [] };

  const gaps = folded(spans, total);
  const idle = gaps.reduce((sum, { start, end }) => sum + end - start, 0);
  const perMs = (100 - gaps.length * FOLD_WIDTH) / (total - idle);
  const at = (moment: number) => {
    let width = (Math.min(Math.max(moment, began), ended) - began) * perMs;
    for (const { start, end } of gaps) {
      const inside = Math.min(Math.max(moment - start, 0), end - start);
      width += (inside / (end - start)) * FOLD_WIDTH - inside * perMs;
    }
    return width;
  };
  const folds = gaps.map(({ start, end }) => ({ from: at(start), width: FOLD_WIDTH, ms: end - start }));
  return { total, at, folds, ticks: ticksOf(began, total, at, gaps) };
}

/** The idle stretches that would leave no room for the rest, longest first. */
function folded(spans: Stretch[], total: number): Stretch[] {
  const gaps: Stretch[] = [];
  let reached = Infinity;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (start > reached) gaps.push({ start: reached, end: start });
    reached = reached === Infinity ? end : Math.max(reached, end);
  }
  gaps.sort((a, b) => b.end - b.start - (a.end - a.start));
  const chosen: Stretch[] = [];
  let rest = total;
  for (const gap of gaps) {
    const length = gap.end - gap.start;
    // Something must be left to draw.
    if (length < FOLD_FROM_MS || length < rest * FOLD_PART || length >= rest) break;
    chosen.push(gap);
    rest -= length;
  }
  return chosen.sort((a, b) => a.start - b.start);
}

/** Round steps, none of them in a fold. */
function ticksOf(began: number, total: number, at: Scale["at"], gaps: Stretch[]): Tick[] {
  const ticks: Tick[] = [];
  let from = began;
  for (const { start, end } of [...gaps, { start: began + total, end: began + total }]) {
    const length = start - from;
    const room = at(start) - at(from);
    const wanted = Math.floor((room / 100) * TICKS);
    if (ticks.length === 0 || wanted > 0) ticks.push({ at: at(from), ms: from - began });
    const step = wanted === 0 ? Infinity : roundStep(length / wanted);
    const first = from - began;
    for (let ms = Math.ceil((first + step / 2) / step) * step; ms < first + length; ms += step) {
      ticks.push({ at: at(began + ms), ms });
    }
    from = end;
  }
  return ticks.filter((tick) => tick.at < 94);
}

function roundStep(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  return ([1, 2, 5, 10].find((each) => each * power >= ms) ?? 10) * power;
}
