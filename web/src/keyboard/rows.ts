// Walking a list by j and k, and opening what is marked by Enter. A row is whatever says so: `data-row`.
import type { RefObject } from "react";
import type { Key } from "./registry";

/** The keys for the rows of a list; `what` one of them is called. */
export function rowKeys(list: RefObject<HTMLElement | null>, where: string, what: string): readonly Key[] {
  const step = (by: number) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  return [
    { keys: "j", does: `Next ${what}`, where, walks: true, run: () => step(1) },
    { keys: "k", does: `The ${what} before`, where, walks: true, run: () => step(-1) },
    { keys: "Enter", does: "Open it", where, walks: true, run: () => list.current?.querySelector<HTMLElement>("[data-row]:focus")?.click() },
  ];
}
