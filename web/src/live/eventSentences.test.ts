// R22, 60: what was written of budgets, stops, callbacks, checks and the lifecycle is told in words.
import { expect, test } from "vitest";
import { sentenceOf } from "./eventSentences";

test.each([
  ["budget_changed", { before_microdollars: 500_000, budget_microdollars: 2_500_000, by: "tok_1", by_label: "Ann" }, "budget raised from $0.50 to $2.50 by Ann"],
  ["budget_changed", { before_microdollars: 500_000, budget_microdollars: null, before_tokens: null, budget_tokens: 900, by: "tok_1" }, "budget limit of $0.50 taken away, set to 900 tokens by tok_1"],
  ["stop_requested", { reason: "stopped", stopped_by: "person" }, "stop requested by a person"],
  ["stop_requested", { reason: "budget_exceeded", stopped_by: null }, "stop requested because its budget lets nothing go on"],
  ["callback_waiting", { child_session_id: "ses_1" }, "the end of ses_1 waits to be told here"],
  ["callback_assigned", { child_session_id: "ses_1", run_id: "run_2" }, "the end of ses_1 is told by run_2"],
  ["callback_accepted", { child_session_id: "ses_1", run_id: "run_2" }, "the end of ses_1 was heard by the agent of run_2"],
  ["callback_held", { child_session_id: "ses_1", why: "The session was stopped." }, "the end of ses_1 is held: The session was stopped."],
  ["callback_undeliverable", { child_session_id: "ses_1", why: "Three runs." }, "the end of ses_1 cannot be told: Three runs."],
  ["lifecycle_changed", { from: "in_progress", to: "stuck", by: "callboard", reason: "No more tries." }, "work: in progress → stuck by callboard: No more tries."],
  ["check_started", { name: "test" }, "check test begins"],
  ["check_completed", { name: "test", exit_code: 0, duration_ms: 52, tail: "" }, "✓ check test passed, 52 ms"],
  ["check_completed", { name: "test", exit_code: 3, duration_ms: 52, tail: "no" }, "✗ check test failed, exit code 3, 52 ms"],
  ["check_completed", { name: "test", exit_code: null, timed_out: true }, "✗ check test took too long"],
  ["note", { text: "x" }, null],
])("%s %o", (type, payload, said) => expect(sentenceOf(type, payload)).toBe(said));
