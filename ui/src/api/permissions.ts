import { usePlace } from "./workspace";

/** Whether who is signed in may do what needs this scope. The hub asks again; this spares the reader a refusal. */
export function useMay(scope: string): boolean {
  const { who } = usePlace();
  const noun = scope.slice(0, scope.indexOf(":"));
  return who.scopes.some((held) => held === "*" || held === scope || held === `${noun}:*`);
}
