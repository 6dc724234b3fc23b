// What somebody has written of an agent and not saved: kept in this tab, over a reload and a look at another page.
import type { Agent } from "../../api/schema";
import type { Draft } from "./draft";

export interface Unsaved {
  /** Of a new agent. */
  name: string;
  draft: Partial<Draft>;
  /** The agent that is changed, as it was then. */
  base: { agent: Agent | null; etag: string | null };
}

/** Where it is kept; the empty name is a new agent. */
export function placeOf(name: string): string {
  return `callboard.agent.${name}`;
}

export function unsavedAt(place: string): Unsaved | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(place) ?? "null") as Unsaved | null;
    return found && typeof found.name === "string" && found.draft && found.base ? found : null;
  } catch {
    return null;
  }
}
