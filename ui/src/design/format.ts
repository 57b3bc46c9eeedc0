const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const COMPACT_FROM = 100_000;
const KIB = 1024;

/** 12,345, and 1.2M where digits no longer matter. */
export function count(value: number): string {
  return value >= COMPACT_FROM ? short.format(value) : whole.format(value);
}

/** A rate: one digit after the point while it is small. */
export function rate(value: number): string {
  if (value >= COMPACT_FROM) return short.format(value);
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : whole.format(value);
}

export function bytes(size: number): string {
  if (size < KIB) return `${String(size)} B`;
  if (size < KIB * KIB) return `${(size / KIB).toFixed(1)} KiB`;
  return `${(size / KIB / KIB).toFixed(1)} MiB`;
}

/** A duration in the unit that reads best. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${(ms / 60_000).toFixed(1)} min`;
}

const STEPS: [limit_s: number, divisor: number, unit: string][] = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86_400, 3600, "h"],
  [Infinity, 86_400, "d"],
];

/** "12 s ago". Clocks differ: what seems to come from the future happened just now. */
export function ago(at: string, now_ms: number): string {
  const seconds = Math.floor((now_ms - Date.parse(at)) / 1000);
  if (Number.isNaN(seconds)) return at;
  if (seconds < 2) return "just now";
  const [, divisor, unit] = STEPS.find(([limit]) => seconds < limit) ?? [0, 86_400, "d"];
  return `${String(Math.floor(seconds / divisor))} ${unit} ago`;
}

/** "in 12 min"; what is past is due. */
export function ahead(at: string, now_ms: number): string {
  const seconds = Math.ceil((Date.parse(at) - now_ms) / 1000);
  if (Number.isNaN(seconds)) return at;
  if (seconds <= 0) return "due";
  const [, divisor, unit] = STEPS.find(([limit]) => seconds < limit) ?? [0, 86_400, "d"];
  return `in ${String(Math.floor(seconds / divisor))} ${unit}`;
}

/** How old something is, in the unit that reads best. */
export function age(seconds: number): string {
  const [, divisor, unit] = STEPS.find(([limit]) => seconds < limit) ?? [0, 86_400, "d"];
  return `${String(Math.floor(seconds / divisor))} ${unit}`;
}

/** Date and time of day on the clocks of a time zone. */
export function momentIn(at: string, timeZone: string): string {
  try {
    return new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone });
  } catch {
    return moment(at);
  }
}

/** Date and time of day, to the second, where the reader is. */
export function moment(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

export function clock(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleTimeString("en-GB");
}
