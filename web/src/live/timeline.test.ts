// A81, promise 4: whatever the stream did, each event is shown once, in its order.
import { describe, expect, test } from "vitest";
import { recording } from "./recording.test-data";
import { EMPTY_TIMELINE, hasHole, reduceDeltas, reduceTimeline, type Timeline } from "./timeline";
import type { Event } from "./types";

const events = recording.events.filter((event) => event.session_id === "ses_1");
const whole = reduceTimeline(EMPTY_TIMELINE, events);

function event(seq: number, type = "note", payload: Record<string, unknown> = {}): Event {
  return { session_id: "s", seq, cursor: String(seq), run_id: "r", attempt: 1, type, at: "2026-01-01T00:00:00.000Z", source_at: null, payload };
}

/** The same numbers in another order each time, by a seed. */
function shuffled<T>(all: readonly T[], seed: number): T[] {
  const found = [...all];
  for (let index = found.length - 1; index > 0; index--) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const other = seed % (index + 1);
    [found[index], found[other]] = [found[other]!, found[index]!];
  }
  return found;
}

describe("the timeline", () => {
  test("has runs as blocks, with tool calls and approvals joined to their ends", () => {
    const kinds = whole.items.filter((item) => item.kind !== "note").map((item) => item.kind);
    expect(kinds).toEqual([
      "run", "message", "message", "tool", "tool", "approval", "result", "end", "run", "message", "message", "end",
    ]);
    const tools = whole.items.filter((item) => item.kind === "tool");
    expect(tools).toMatchObject([{ name: "Read", output: "ok", state: "ok" }, { name: "run", state: "ok" }]);
    expect(whole.items.find((item) => item.kind === "approval")).toMatchObject({ decision: "allow" });
    expect(whole.items.filter((item) => item.kind === "end")).toMatchObject([{ reason: "completed" }, { reason: "failed", exit_code: 1 }]);
    expect(whole.counts).toMatchObject({ message: 4, pre_tool: 2, post_tool: 2, run_start: 2 });
    expect(whole.last).toBe(events.length);
  });

  test.each([1, 2, 3, 4, 5])("is the same however its events come, and come again (seed %i)", (seed) => {
    let state: Timeline = EMPTY_TIMELINE;
    for (const one of shuffled([...events, ...events.slice(3, 15), ...events], seed)) state = reduceTimeline(state, [one]);
    expect(state).toEqual(whole);
  });

  test("waits for what is missing, and says so", () => {
    const state = reduceTimeline(EMPTY_TIMELINE, [event(1), event(3)]);
    expect([state.last, hasHole(state), state.items.length]).toEqual([1, true, 1]);
    expect(hasHole(reduceTimeline(state, [event(2)]))).toBe(false);
    expect(reduceTimeline(state, [event(1)])).toBe(state);
  });

  test("begins where the coordinator's log begins", () => {
    const state = reduceTimeline(EMPTY_TIMELINE, [event(500), event(501)], 500);
    expect([state.first, state.last, hasHole(state)]).toEqual([500, 501, false]);
  });

  test("keeps a call without an end, an end without a call, and a type that nobody knows", () => {
    const state = reduceTimeline(EMPTY_TIMELINE, [
      event(1, "pre_tool", { tool_use_id: "a", tool_name: "run" }), event(2, "post_tool", { tool_use_id: "b", tool_output: "x", is_error: true }),
      event(3, "of_tomorrow", { some: 1 }), event(4, "message", {}),
    ]);
    expect(state.items).toMatchObject([{ state: "running" }, { state: "error", output: "x" }, { kind: "note", type: "of_tomorrow" }, { kind: "message", text: "" }]);
  });

  test("shows a message while it is written, and the stored one in its place", () => {
    const piece = (offset: number, text: string) => ({ session_id: "s", run_id: "r", attempt: 1, message_key: "m", offset, text });
    let state = reduceDeltas(EMPTY_TIMELINE, [piece(0, "Hel"), piece(3, "lo"), piece(3, "lo")]);
    expect([...state.partial.values()]).toMatchObject([{ text: "Hello", partial: true }]);
    const late = reduceDeltas(EMPTY_TIMELINE, [piece(100, "lo"), piece(102, " you"), piece(102, " you")]);
    expect([...late.partial.values()]).toMatchObject([{ text: "lo you", missing: 100 }]);
    state = reduceTimeline(state, [event(1, "message", { role: "assistant", message_key: "m", content: [{ type: "text", text: "Hello." }] })]);
    expect([state.partial.size, state.items.length]).toEqual([0, 1]);
  });

  test("forgets its beginning when it grows beyond all bounds", () => {
    let state: Timeline = EMPTY_TIMELINE;
    for (let from = 1; from <= 100_000; from += 500) {
      state = reduceTimeline(state, Array.from({ length: 500 }, (_, index) => event(from + index)));
    }
    expect([state.last, state.items.length <= 30_000, state.items.at(-1)?.seq, state.first === state.items[0]?.seq]).toEqual([100_000, true, 100_000, true]);
    expect(state.counts.note).toBe(100_000);
  });

  test("takes ten thousand events in a moment", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => event(index + 1, "message", { role: "assistant", content: [] }));
    const began = performance.now();
    const state = reduceTimeline(EMPTY_TIMELINE, many);
    expect([state.items.length, performance.now() - began < 500]).toEqual([10_000, true]);
  });
});
