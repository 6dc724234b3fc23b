// What a session's page says follows the stream, and Stop knows who works below at that moment.
import { describe, expect, test } from "vitest";
import type { TreeNode } from "../api/schema";
import { atWorkBelow, changesChildren, changesItself } from "./facts";
import type { Event } from "./types";

const NO_USAGE = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, turns: 0, cost_microdollars: null, estimated: false, unpriced: false };

function event(session_id: string, type: string, payload: Record<string, unknown> = {}): Event {
  return { session_id, seq: 1, cursor: "", run_id: null, attempt: null, type, at: "", source_at: null, payload };
}

function node(session_id: string, status: string, queued_runs = 0): TreeNode {
  return { session_id, parent_session_id: null, depth: 0, status, group: "done", title: null, agent_name: null, waiting_for: null, lifecycle: null, queued_runs, children: [], usage_self: NO_USAGE, usage_subtree: NO_USAGE, created_at: "" };
}

describe("a session's facts", () => {
  test.each(["run_completed", "session_bound", "callback_held", "guidance"])("change with its own %s", (type) => {
    expect([changesItself(event("lead", type), "lead"), changesItself(event("else", type), "lead")]).toEqual([true, false]);
  });

  test.each(["message", "pre_tool", "post_tool"])("do not change with %s", (type) => {
    expect(changesItself(event("lead", type), "lead")).toBe(false);
    expect(changesChildren(event("child", type), "lead", () => "lead")).toBe(false);
  });

  test("change with what its children begin and end, and with nobody else's", () => {
    const parents: Record<string, string | null> = { child: "lead", stranger: null };
    const told = (one: Event) => changesChildren(one, "lead", (id) => parents[id]);
    expect(told(event("new", "session_created", { parent_session_id: "lead" }))).toBe(true);
    expect(told(event("new", "session_created", { parent_session_id: null }))).toBe(false);
    expect([told(event("child", "run_completed")), told(event("stranger", "run_completed")), told(event("unknown", "run_completed"))]).toEqual([true, false, true]);
  });
});

test("who works or waits below a session, at any depth, is counted without itself", () => {
  const nodes = [node("lead", "running"), node("a", "running"), node("b", "finished"), node("c", "finished", 1), node("d", "interrupted"), node("e", "failed")];
  expect(atWorkBelow({ nodes }, "lead")).toBe(3);
});
