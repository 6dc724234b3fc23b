// What the thing is called that a page shows: it stands first in the tab's title, as ten tabs stand beside each other.
import { useEffect } from "react";
import { Store } from "../live/stores";
import { inert } from "./inert";

export const shownName = new Store("");
const MOST = 80;

/** The page is about this as long as the component is there; undefined: its name is not known yet. */
export function useShownName(name: string | undefined): void {
  useEffect(() => {
    shownName.set(inert(name ?? "").slice(0, MOST));
    return () => shownName.set("");
  }, [name]);
}
