// Rows of events and lines of logs, from what the timeline keeps.
import { expect, it } from "vitest";
import { eventRows, summaryOf } from "./eventRows";
import { loggedRuns, logLines } from "./logLines";
import { EMPTY_TIMELINE, reduceTimeline } from "./timeline";
import type { Event } from "./types";

let seq = 0;
const event = (type: string, payload: Record<string, unknown>, run_id: string | null = "run_a"): Event => ({
  session_id: "ses_a", seq: ++seq, cursor: "", run_id, attempt: 1, type, at: `2026-11-22T00:00:${String(seq).padStart(2, "0")}.000Z`, source_at: null, payload,
});
const events = [
  event("session_created", { context: "persistent" }, null),
  event("run_queued", { run_id: "run_a", number: 1, trigger: "user" }),
  event("run_start", { number: 1, type: "start_session", attempt: 1, runner_id: "rnr_a" }),
  event("pre_tool", { tool_use_id: "t", tool_name: "Bash", tool_input: { command: "ls" } }),
  event("message", { role: "assistant", content: [{ type: "text", text: "meanwhile" }] }),
  event("post_tool", { tool_use_id: "t", tool_name: "Bash", tool_output: "no such file", is_error: true }),
  event("output", { stream: "stderr", text: "\u001b[31mWARN\u001b[0m disk" }),
  event("run_completed", { reason: "failed", exit_code: 3, error: { code: "x", message: "The agent exited with code 3.\ntail" } }),
  event("output", { stream: "stderr", text: "of the second" }, "run_b"),
];
const { items } = reduceTimeline(EMPTY_TIMELINE, events);

it("lists each event once and in order, also both of a call that the timeline shows as one", () => {
  const rows = eventRows(items);
  expect(rows.map((row) => [row.seq, row.type])).toEqual(events.map((one) => [one.seq, one.type]));
  expect(rows[5]?.at).toBe(events[5]?.at);
  expect([3, 5, 7].map((index) => summaryOf(rows[index]!))).toEqual(["Bash ls", "Bash failed no such file", "reason=failed exit_code=3: The agent exited with code 3.\ntail"]);
});

it("keeps to the types that are wanted, and shows what a link leads to in any case", () => {
  expect(eventRows(items, new Set(["post_tool", "output"]), 1).map((row) => row.seq)).toEqual([1, 6, 7, 9]);
});

it("has what was printed and told of a run as lines, each with its event, and nothing that the agent says", () => {
  const lines = logLines(items, "run_a");
  expect(lines.map((line) => [line.seq, line.source, line.bad, line.text])).toEqual([
    [2, "callboard", false, "run 1 queued, by user"],
    [3, "callboard", false, "run 1 started, attempt 1, on rnr_a"],
    [7, "stderr", false, "WARN disk"],
    [8, "callboard", true, "run ended: failed, exit code 3"], [8, "callboard", true, "The agent exited with code 3."], [8, "callboard", true, "tail"],
  ]);
  expect(new Set(lines.map((line) => line.key)).size).toBe(lines.length);
  expect(logLines(items, "", "SECOND").map((line) => line.run_id)).toEqual(["run_b"]);
  expect(loggedRuns(items)).toEqual([{ run_id: "run_a", number: 1 }, { run_id: "run_b", number: null }]);
});
