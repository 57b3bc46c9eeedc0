import { createContext, useContext } from "react";

import type { Whoami } from "./resources";

export interface Place {
  who: Whoami;
  workspace: string;
}

export const PlaceContext = createContext<Place | null>(null);

/** Who is signed in and the workspace in view; only below the signed-in shell. */
export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (place === null) throw new Error("usePlace() is for pages behind the sign-in");
  return place;
}
