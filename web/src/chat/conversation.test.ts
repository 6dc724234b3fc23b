// A81: what the log holds is said once, by whom it was said, in the order in which it was said.
import { describe, expect, test } from "vitest";
import type { Session } from "../api/schema";
import { recording } from "../live/recording.test-data";
import { EMPTY_TIMELINE, reduceDeltas, reduceTimeline } from "../live/timeline";
import type { Event } from "../live/types";
import { conversationOf, offeredMessages, shownPrompts } from "./conversation";

const whole = reduceTimeline(EMPTY_TIMELINE, recording.events.filter((event) => event.session_id === "ses_1"));
const event = (seq: number, type: string, payload: Record<string, unknown> = {}): Event => ({
  session_id: "s", seq, cursor: String(seq), run_id: "r", attempt: 1, type, at: `2026-01-01T00:00:0${seq}.000Z`, source_at: null, payload,
});
const said = (role: string, text: string, more: object = {}) => ({ role, content: [{ type: "text", text }], ...more });

describe("the conversation", () => {
  test("has questions, answers, tools and approvals, and what each run took", () => {
    const kinds = conversationOf(whole, []).map((block) => block.kind);
    expect(kinds).toEqual(["said", "said", "tools", "approval", "said", "footer", "said", "said", "footer"]);
    const footers = conversationOf(whole, []).filter((block) => block.kind === "footer");
    expect(footers).toMatchObject([{ last: false, end: { reason: "completed" } }, { last: true, end: { reason: "failed" } }]);
  });

  test("does not say a result twice, and says who else than a person began a run", () => {
    const blocks = conversationOf(reduceTimeline(EMPTY_TIMELINE, [
      event(1, "run_start", { number: 2, trigger: "callback" }), event(2, "message", said("user", "child done")),
      event(3, "message", said("assistant", "Good.")), event(4, "usage", { rows: [{ model: "opus" }] }), event(5, "result", { result_text: "Good." }),
      event(6, "run_completed", { reason: "completed", usage: { turns: 1 } }),
    ]), []);
    expect(blocks).toMatchObject([{ from: "callback" }, { from: "agent", text: "Good." }, { kind: "footer", models: ["opus"], usage: { turns: 1 } }]);
  });

  test("folds what was thought, and knows how full the last call was", () => {
    const blocks = conversationOf(reduceTimeline(EMPTY_TIMELINE, [
      event(1, "message", { role: "assistant", content: [{ type: "thinking", thinking: "Hm." }] }), event(2, "message", said("assistant", "So.")),
      event(3, "usage", { rows: [{ model: "opus", turns: 1, input_tokens: 10, cache_read_tokens: 49_990, output_tokens: 0 }, { model: "opus", turns: 0, input_tokens: 7 }] }),
      event(4, "run_completed", { reason: "completed" }),
    ]), []);
    expect(blocks).toMatchObject([{ kind: "thought", text: "Hm." }, { text: "So." }, { kind: "footer", context: { tokens: 50_000, window: 200_000 } }]);
  });

  test("shows the prompt of a run that never began", () => {
    const state = reduceTimeline(EMPTY_TIMELINE, [event(1, "run_completed", { reason: "no_match" })]);
    expect(conversationOf(state, [], new Map([["r", "do it"]]))).toMatchObject([{ from: "person", text: "do it" }, { kind: "footer" }]);
  });

  test("shows what was stopped before it began as not heard, below the answer that it followed", () => {
    const state = reduceTimeline(EMPTY_TIMELINE, [event(1, "run_completed", { reason: "stopped" })]);
    expect(conversationOf(state, [], new Map([["r", "do it"]]))).toMatchObject([{ kind: "unheard", run_id: "r", text: "do it" }]);
  });

  test("puts children where they were started, and what is being written at the end", () => {
    const state = reduceDeltas(reduceTimeline(EMPTY_TIMELINE, [event(1, "message", said("user", "a")), event(2, "message", said("assistant", "b"))]),
      [{ session_id: "s", run_id: "r", attempt: 1, message_key: "m", offset: 0, text: "c" }]);
    const child = { session_id: "ses_c", created_at: "2026-01-01T00:00:01.500Z" } as Session;
    const late = { session_id: "ses_d", created_at: "2026-01-01T00:00:09.000Z" } as Session;
    expect(conversationOf(state, [late, child]).map((block) => block.key)).toEqual(["1", "ses_c", "2", "delta m", "ses_d"]);
  });

  test("knows which messages no agent has taken yet", () => {
    const offered = (seq: number, id: string) => event(seq, "guidance", { message_id: id, status: "offered", text: id });
    const state = reduceTimeline(EMPTY_TIMELINE, [
      offered(1, "taken"), event(2, "message", said("user", "taken", { message_id: "taken" })), offered(3, "resumed"),
      event(4, "run_queued", { message_id: "resumed" }), offered(5, "refused"), event(6, "guidance", { message_id: "refused", status: "refused", why: "full" }), offered(7, "open"),
    ]);
    expect(offeredMessages(state).map((one) => one.message_id)).toEqual(["open"]);
    expect(shownPrompts(state).messages).toEqual(new Set(["taken", "resumed", "refused", "open"]));
    expect(conversationOf(state, [])).toMatchObject([{ text: "taken" }, { kind: "unheard", text: "refused", why: "full" }]);
  });
});
