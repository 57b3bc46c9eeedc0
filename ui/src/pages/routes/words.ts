import type { RouteDeclaration, RouteTarget } from "~/api/resources";

const KINDS = ["queue", "event", "skill"] as const;

/** "queue invoices", "event order.paid in research", "workspace research". */
export function targetWords(target: RouteTarget): string {
  const kind = KINDS.find((one) => target[one] != null);
  if (kind === undefined) return `workspace ${target.workspace ?? ""}`;
  return `${kind} ${target[kind] ?? ""}${target.workspace == null ? "" : ` in ${target.workspace}`}`;
}

/** A target's part of a split, in per cent. */
export function share(route: RouteDeclaration, target: RouteTarget): string | null {
  if (route.mode !== "split") return null;
  const whole = route.targets.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return `${String(Math.round(((target.weight ?? 1) / whole) * 100))} %`;
}

/** The conditions of a match, each in words. */
export function conditions({ match }: RouteDeclaration): string[] {
  if (match === undefined) return [];
  const named = (["types", "sources", "subjects", "senders"] as const).flatMap((field) => {
    const values = match[field] ?? [];
    return values.length === 0 ? [] : [`${field.slice(0, -1)} is ${values.join(" or ")}`];
  });
  const attributes = Object.entries(match.attributes ?? {}).map(
    ([name, value]) => `${name} is ${Array.isArray(value) ? value.join(" or ") : String(value)}`,
  );
  const data = (match.data ?? []).map(({ path, op = "=", value }) => `data${path} ${op} ${JSON.stringify(value ?? null)}`);
  return [...named, ...attributes, ...data, ...(match.cel == null ? [] : [match.cel])];
}
