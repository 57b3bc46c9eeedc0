import { usePlace } from "./workspace";

/** As the hub reads scopes: a permission, `noun:*`, or `*`. */
export function allows(scopes: string[], permission: string): boolean {
  const noun = permission.slice(0, permission.indexOf(":"));
  return scopes.some((scope) => scope === permission || scope === `${noun}:*` || scope === "*");
}

/** Why whoever is signed in may not do this; undefined where they may. The hub decides; this only tells beforehand. */
export function useDenied(permission: string): string | undefined {
  const { who } = usePlace();
  return allows(who.scopes, permission) ? undefined : `Your token lacks the scope ${permission}`;
}
