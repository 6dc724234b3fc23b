// A tree of sessions as the rows that are seen: what is folded away, and what lies below each of them. Pure.
import type { Tree, TreeNode } from "../api/schema";
import { GROUPS, type Group } from "./board";

export interface TreeRow {
  node: TreeNode;
  /** How deep below the top of what is shown, from 0. */
  level: number;
  /** Which of its siblings it is, from 1, and how many they are. */
  place: number;
  siblings: number;
  expanded: boolean | null;
  below: Below;
}

/** What lies below a session, itself left out. */
export interface Below {
  total: number;
  ended: number;
  failed: number;
  /** The most pressing group below, or null without children. */
  worst: Group | null;
  inWorst: number;
}

const NOTHING: Below = { total: 0, ended: 0, failed: 0, worst: null, inWorst: 0 };

/** What lies below each session, by its id. Parents stand before their children in a tree. */
export function belowOf(tree: Tree): ReadonlyMap<string, Below> {
  const groups = new Map<string, number[]>();
  const failed = new Map<string, number>();
  for (const node of tree.nodes) groups.set(node.session_id, GROUPS.map(() => 0));
  for (const node of [...tree.nodes].reverse()) {
    const above = node.parent_session_id ? groups.get(node.parent_session_id) : undefined;
    if (!above || node.parent_session_id === null) continue;
    groups.get(node.session_id)?.forEach((count, index) => (above[index] = (above[index] ?? 0) + count));
    const own = GROUPS.indexOf(node.group as Group);
    above[own] = (above[own] ?? 0) + 1;
    const lost = (failed.get(node.session_id) ?? 0) + (node.status === "failed" ? 1 : 0);
    failed.set(node.parent_session_id, (failed.get(node.parent_session_id) ?? 0) + lost);
  }
  const result = new Map<string, Below>();
  for (const [id, counts] of groups) {
    const worst = counts.findIndex((count) => count > 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    result.set(id, total === 0 ? NOTHING : {
      total, failed: failed.get(id) ?? 0, ended: counts[GROUPS.indexOf("done")] ?? 0,
      worst: GROUPS[worst] ?? null, inWorst: counts[worst] ?? 0,
    });
  }
  return result;
}

/** The rows of a tree, top first; below what is in `folded` nothing is shown. `keeps` leaves sessions out, with all below. */
export function rowsOfTree(
  tree: Tree, folded: ReadonlySet<string>, below: ReadonlyMap<string, Below>, keeps: (node: TreeNode, below: Below) => boolean = () => true,
): TreeRow[] {
  const nodes = new Map(tree.nodes.map((node) => [node.session_id, node]));
  const top = nodes.get(tree.session_id);
  const rows: TreeRow[] = [];
  // A stack instead of calls: a tree may be as deep as it likes.
  const waiting: { node: TreeNode; level: number; place: number; siblings: number }[] = [];
  if (top) waiting.push({ node: top, level: 0, place: 1, siblings: 1 });
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const children = next.node.children
      .map((id) => nodes.get(id))
      .filter((child): child is TreeNode => child !== undefined && keeps(child, below.get(child.session_id) ?? NOTHING));
    const expanded = children.length === 0 ? null : !folded.has(next.node.session_id);
    rows.push({ ...next, expanded, below: below.get(next.node.session_id) ?? NOTHING });
    if (!expanded) continue;
    for (let index = children.length - 1; index >= 0; index--) {
      const node = children[index];
      if (node) waiting.push({ node, level: next.level + 1, place: index + 1, siblings: children.length });
    }
  }
  return rows;
}

/** Whether anything of it is still to come: itself or something below it. */
export function isOpen(node: TreeNode, below: Below): boolean {
  return node.group !== "done" || below.ended < below.total;
}

/** Where an arrow leads from a row: another row, or folding this one. */
export function moved(
  rows: readonly TreeRow[], at: number, key: "up" | "down" | "left" | "right" | "first" | "last",
): { to: number } | { fold: boolean } | null {
  const row = rows[at];
  if (!row) return rows.length > 0 ? { to: 0 } : null;
  switch (key) {
    case "up": return { to: Math.max(0, at - 1) };
    case "down": return { to: Math.min(rows.length - 1, at + 1) };
    case "first": return { to: 0 };
    case "last": return { to: rows.length - 1 };
    case "right":
      if (row.expanded === false) return { fold: false };
      return row.expanded ? { to: at + 1 } : null;
    case "left": {
      if (row.expanded) return { fold: true };
      for (let index = at - 1; index >= 0; index--) if ((rows[index]?.level ?? 0) < row.level) return { to: index };
      return null;
    }
  }
}
