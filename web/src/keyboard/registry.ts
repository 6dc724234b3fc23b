// Every key of the pages, in one registry that also fills the overlay behind `?`. Keys do nothing while somebody types.
import { useEffect } from "react";
import { Store } from "../live/stores";

export interface Key {
  /** `j`, `?`, `Enter`, or two keys one after the other: `g h`. */
  keys: string;
  does: string;
  /** Under which heading it stands in the overlay. */
  where: string;
  run: (event: KeyboardEvent) => void;
}

export const keys = new Store<readonly Key[]>([]);
export const overlay = new Store(false);
const CHORD_MS = 1200;
let first: { key: string; at: number } | null = null;

/** These keys work while the component is there. */
export function useKeys(wanted: readonly Key[]): void {
  useEffect(() => {
    keys.set([...keys.get(), ...wanted]);
    return () => keys.set(keys.get().filter((one) => !wanted.includes(one)));
  }, [wanted]);
}

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement && target.type === "checkbox") return false;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && overlay.get()) return overlay.set(false);
  if (isTyping(event.target)) {
    if (event.key !== "Escape") return;
    (event.target as HTMLElement).blur();
    first = { key: "Escape", at: Date.now() };
    return;
  }
  // A dialog is alone with the person: what lies behind it is not moved.
  if (document.querySelector("dialog[open]") && !overlay.get()) return;
  const before = first && Date.now() - first.at < CHORD_MS ? `${first.key} ` : "";
  // What was registered last is nearest to the person: a page outweighs the frame around it.
  const found = keys.get().findLast((one) => one.keys === before + event.key) ?? keys.get().findLast((one) => one.keys === event.key);
  first = null;
  if (found) {
    // Enter and Space belong to whatever button has the focus.
    if ((event.key === "Enter" || event.key === " ") && (event.target as HTMLElement).closest("a, button, summary")) return;
    event.preventDefault();
    found.run(event);
  } else if (keys.get().some((one) => one.keys.startsWith(`${event.key} `))) {
    first = { key: event.key, at: Date.now() };
  }
}
