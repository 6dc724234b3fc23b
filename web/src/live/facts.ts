// What events change of a session as its pages show it, and what works below it. Pure; knows no page and no request.
import type { Tree, TreeNode } from "../api/schema";
import type { Event } from "./types";

/** These only add to the log: the pages that show it have them already. */
const SAID = new Set(["message", "pre_tool", "post_tool"]);
const BUSY = new Set(["pending", "running", "stopping", "interrupted"]);

/** Whether it changes the session itself: its state, its conversation; what is booked is gathered by who shows it. */
export function changesItself(event: Event, sessionId: string): boolean {
  return event.session_id === sessionId && !SAID.has(event.type) && event.type !== "usage";
}

/** Whether it may change what the session says of its children; a session whose parent is not known may be one of them. */
export function changesChildren(event: Event, sessionId: string, parentOf: (sessionId: string) => string | null | undefined): boolean {
  if (event.session_id === sessionId || SAID.has(event.type) || event.type === "usage") return false;
  if (event.type === "session_created") return event.payload.parent_session_id === sessionId;
  const parent = parentOf(event.session_id);
  return parent === undefined || parent === sessionId;
}

/** How many sessions below it work or wait for their turn. */
export function atWorkBelow(tree: Pick<Tree, "nodes">, sessionId: string): number {
  return tree.nodes.filter((node) => node.session_id !== sessionId && isAtWork(node)).length;
}

function isAtWork(node: TreeNode): boolean {
  return BUSY.has(node.status) || node.queued_runs > 0 || node.group === "working";
}
