import { useSearchParams } from "react-router";

/** Put a field into the page's address, or take it out with null or nothing. */
export type SetField = (name: string, value: string | null) => void;

/** What the page's address asks for, and how to change one field of it; the way back leads past such changes. */
export function useAddress() {
  const [params, setParams] = useSearchParams();
  const set: SetField = (name, value) => {
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  const clear = () => {
    setParams({}, { replace: true });
  };
  return { params, set, clear };
}
