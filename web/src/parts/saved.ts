// Filters that somebody keeps, in this browser: a text each, the newest first.
import { Store } from "../live/stores";
import { keep } from "./kept";

const KEY = "callboard.filters";
const MOST = 12;

function kept(): readonly string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one): one is string => typeof one === "string").slice(0, MOST) : [];
  } catch {
    return [];
  }
}

export const saved = new Store<readonly string[]>(kept());

/** Keeps a filter, or lets go of one that was kept. */
export function toggleSaved(text: string): void {
  const before = saved.get();
  const after = before.includes(text) ? before.filter((one) => one !== text) : [text, ...before].slice(0, MOST);
  keep(localStorage, KEY, JSON.stringify(after));
  saved.set(after);
}
