// What a tree shows of what is folded, and where its arrows lead.
import { describe, expect, it } from "vitest";
import type { Tree, TreeNode } from "../api/schema";
import { belowOf, isOpen, moved, rowsOfTree } from "./tree";

const NO_USAGE = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, turns: 0, cost_microdollars: null, estimated: false, unpriced: false };

function node(id: string, parent: string | null, group: string, children: string[] = [], status = "finished"): TreeNode {
  return { session_id: id, parent_session_id: parent, depth: 0, status, group, title: id, agent_name: null, waiting_for: null, lifecycle: null, queued_runs: 0, children, usage_self: NO_USAGE, usage_subtree: NO_USAGE, created_at: "2026-01-01T00:00:00.000Z" };
}

const TREE: Tree = {
  session_id: "a", root_session_id: "a", counts: {},
  nodes: [node("a", null, "working", ["b", "e"]), node("b", "a", "done", ["c", "d"]), node("c", "b", "needs_you"), node("d", "b", "done", [], "failed"), node("e", "a", "done")],
};
const below = belowOf(TREE);
const names = (folded: string[], keeps = (() => true) as Parameters<typeof rowsOfTree>[3]) =>
  rowsOfTree(TREE, new Set(folded), below, keeps).map((row) => `${row.level}${row.node.session_id}`);

describe("a tree of sessions", () => {
  it("marks every ancestor of one that needs somebody (D3)", () => {
    expect(below.get("a")).toEqual({ total: 4, ended: 3, failed: 1, worst: "needs_you", inWorst: 1 });
    expect(below.get("b")).toMatchObject({ total: 2, worst: "needs_you" });
    expect(below.get("e")).toMatchObject({ total: 0, worst: null });
  });

  it("shows parents before children, and nothing below what is folded", () => {
    expect(names([])).toEqual(["0a", "1b", "2c", "2d", "1e"]);
    expect(names(["b"])).toEqual(["0a", "1b", "1e"]);
    expect(names(["a"])).toEqual(["0a"]);
    expect(names([], isOpen)).toEqual(["0a", "1b", "2c"]);
  });

  it("is walked with arrows as file trees are", () => {
    const rows = rowsOfTree(TREE, new Set(["b"]), below);
    expect(moved(rows, 0, "down")).toEqual({ to: 1 });
    expect(moved(rows, 1, "right")).toEqual({ fold: false });
    expect(moved(rows, 0, "right")).toEqual({ to: 1 });
    expect(moved(rows, 2, "left")).toEqual({ to: 0 });
    expect(moved(rows, 0, "left")).toEqual({ fold: true });
    expect(moved(rows, 2, "down")).toEqual({ to: 2 });
    expect(moved(rows, 2, "right")).toBeNull();
    expect(moved([], 0, "down")).toBeNull();
  });
});
