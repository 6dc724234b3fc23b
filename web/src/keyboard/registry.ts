// Everything that can be done on the pages, in one registry: by a key, in the overlay behind `?`, and in the palette. Keys
// do nothing while somebody types, but those with Ctrl.
import { useEffect } from "react";
import { Store } from "../live/stores";

export interface Key {
  /** `j`, `?`, `Enter`, `Ctrl+K`, or two keys one after the other: `g h`. Empty: in the palette alone. */
  keys: string;
  does: string;
  /** Under which heading it stands in the overlay. */
  where: string;
  run: () => void;
  /** Moves within a page, and is of no use in the palette. */
  walks?: boolean;
}

export const keys = new Store<readonly Key[]>([]);
export const overlay = new Store(false);
export const palette = new Store(false);
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

/** Escape leaves a field; Enter leaves one that filters, to the list below it. */
function leave(event: KeyboardEvent, field: HTMLElement): void {
  const filters = field instanceof HTMLInputElement && field.type === "search";
  if (event.key !== "Escape" && !(filters && event.key === "Enter")) return;
  // The browser's own Escape would empty it.
  if (filters) event.preventDefault();
  field.blur();
  if (event.key === "Enter") keys.get().findLast((one) => one.keys === "j")?.run();
  else first = { key: "Escape", at: Date.now() };
}

export function onKey(event: KeyboardEvent): void {
  if (event.altKey || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    const found = event.shiftKey ? undefined : keys.get().findLast((one) => one.keys === `Ctrl+${event.key.toUpperCase()}`);
    if (found) event.preventDefault();
    found?.run();
    return;
  }
  if (event.key === "Escape" && overlay.get()) return overlay.set(false);
  if (isTyping(event.target)) return leave(event, event.target as HTMLElement);
  // A dialog is alone with the person: what lies behind it is not moved.
  if (document.querySelector("dialog[open]") && !overlay.get()) return;
  const before = first && Date.now() - first.at < CHORD_MS ? `${first.key} ` : "";
  // What was registered last is nearest to the person: a page outweighs the frame around it.
  const found = keys.get().findLast((one) => one.keys === before + event.key) ?? keys.get().findLast((one) => one.keys === event.key);
  first = null;
  if (found) {
    // Enter and Space belong to whatever button has the focus.
    const owner = event.key === "Enter" ? "a, button, summary" : event.key === " " ? "button, summary" : "";
    if (owner && (event.target as HTMLElement).closest(owner)) return;
    event.preventDefault();
    found.run();
  } else if (keys.get().some((one) => one.keys.startsWith(`${event.key} `))) {
    first = { key: event.key, at: Date.now() };
  }
}
