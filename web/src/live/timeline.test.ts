// A81, promise 4: whatever the stream did, each event is shown once, in its order.
import { describe, expect, test } from "vitest";
import { recording } from "./recording.test-data";
import { EMPTY_TIMELINE, hasEarlier, hasHole, holdsEvent, holdTimeline, liesBefore, partFrom, prependTimeline, reduceDeltas, reduceTimeline, type Timeline } from "./timeline";
import type { Event } from "./types";

const events = recording.events.filter((event) => event.session_id === "ses_1");
const whole = reduceTimeline(EMPTY_TIMELINE, events);

function event(seq: number, type = "note", payload: Record<string, unknown> = {}): Event {
  return { session_id: "s", seq, cursor: String(seq), run_id: "r", attempt: 1, type, at: "2026-01-01T00:00:00.000Z", source_at: null, payload };
}

/** A run with calls and a request that end long after they began. */
function long(length: number): Event[] {
  return Array.from({ length }, (_, index) => {
    const seq = index + 1;
    if (seq === 1) return event(seq, "run_start", { number: 1 });
    if (seq === 3) return event(seq, "message", { role: "user", content: [{ text: "Go." }] });
    if (seq % 10 === 5) return event(seq, "pre_tool", { tool_use_id: `call ${seq}`, tool_name: "Read" });
    if (seq % 10 === 6) return event(seq, "post_tool", { tool_use_id: `call ${seq - 1_501}`, tool_output: seq });
    if (seq % 1_000 === 8) return event(seq, "approval_requested", { approval_id: `request ${seq}` });
    if (seq % 1_000 === 9) return event(seq, "approval_decided", { approval_id: `request ${seq - 1_001}`, decision: "allow" });
    return event(seq);
  });
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
    const emoji = reduceDeltas(EMPTY_TIMELINE, [piece(0, "🙂🙂"), piece(2, "a"), piece(3, "b"), piece(3, "b")]);
    expect([...emoji.partial.values()].map((item) => item.kind === "message" && item.text)).toEqual(["🙂🙂ab"]);
    const lost = reduceDeltas(EMPTY_TIMELINE, [piece(0, "ab"), piece(5, "fg"), piece(6, "GH")]);
    expect([...lost.partial.values()].map((item) => item.kind === "message" && item.text)).toEqual(["abfGH"]);
    state = reduceTimeline(state, [event(1, "message", { role: "assistant", message_key: "m", content: [{ type: "text", text: "Hello." }] })]);
    expect([state.partial.size, state.items.length]).toEqual([0, 1]);
  });

  test("lets go of its beginning when it grows beyond all bounds, and later where somebody looks at it", () => {
    let state: Timeline = EMPTY_TIMELINE;
    for (let from = 1; from <= 100_000; from += 500) {
      state = reduceTimeline(state, Array.from({ length: 500 }, (_, index) => event(from + index)), 1);
    }
    expect([state.last, state.items.length <= 15_000, state.items.at(-1)?.seq, state.first === state.items[0]?.seq, hasEarlier(state)]).toEqual([100_000, true, 100_000, true, true]);
    expect(state.counts.note).toBe(100_000);
    const { first } = state;
    state = holdTimeline(state, true);
    for (let from = 100_001; from <= 110_000; from += 500) state = reduceTimeline(state, Array.from({ length: 500 }, (_, index) => event(from + index)));
    expect([state.first, holdTimeline(state, false).items.length]).toEqual([first, 12_000]);
    for (let from = 110_001; from <= 200_000; from += 500) state = reduceTimeline(state, Array.from({ length: 500 }, (_, index) => event(from + index)));
    expect(state.items.length <= 60_000).toBe(true);
  });

  test("has again what it let go of, as if it had never done so (D16)", () => {
    const all = long(20_000);
    const reference = reduceTimeline({ ...EMPTY_TIMELINE, held: true }, all);
    let state: Timeline = EMPTY_TIMELINE;
    for (let from = 0; from < all.length; from += 700) state = reduceTimeline(state, all.slice(from, from + 700));
    expect([state.first > 2_000, state.counts, state.items.slice(0, 2).map((item) => item.kind)]).toEqual([true, reference.counts, ["run", "message"]]);
    const calls = (found: Timeline) => found.items.filter((item) => item.kind === "tool" && (item.until ?? 0) >= state.first);
    expect(calls(state)).toEqual(calls(reference));
    state = holdTimeline(state, true);
    while (hasEarlier(state)) {
      const { first } = state;
      state = prependTimeline(state, all.slice(Math.max(0, first - 778), first + 10));
      expect(state.first).toBeLessThan(first);
    }
    expect(state.items).toEqual(reference.items);
    expect([state.counts, state.last, state.first]).toEqual([reference.counts, 20_000, 1]);
  });

  test("is read around an event that it has let go of, bounded in memory", () => {
    const all = long(80_000);
    let state: Timeline = { ...EMPTY_TIMELINE, held: true };
    for (let from = 0; from < all.length; from += 4_000) state = reduceTimeline(state, all.slice(from, from + 4_000));
    expect([liesBefore(state, 10_000), liesBefore(state, 1), liesBefore(state, 70_000), state.items.length <= 60_000]).toEqual([true, false, false, true]);
    let part = reduceTimeline(partFrom(9_701, 1), all.slice(9_700, 10_500));
    expect([liesBefore(part, 10_000), part.first, part.last, hasEarlier(part)]).toEqual([false, 9_701, 10_500, true]);
    part = prependTimeline(part, all.slice(8_900, 9_700));
    expect(part.first).toBe(8_901);
    for (let from = part.last; from < all.length; from += 4_000) part = reduceTimeline(part, all.slice(from, from + 4_000));
    expect([part.last, part.first > 8_901, part.items.length <= 60_000]).toEqual([80_000, true, true]);
  });

  test("has nothing earlier where the coordinator has forgotten it", () => {
    const all = long(20_000);
    const state = reduceTimeline(EMPTY_TIMELINE, all);
    const answered = prependTimeline(state, all.slice(state.first, state.first + 200), state.first + 1);
    expect([answered.items.length, hasEarlier(state), hasEarlier(answered)]).toEqual([state.items.length, true, false]);
  });

  test("finds the call that an end belongs to by either number", () => {
    const { items } = reduceTimeline(EMPTY_TIMELINE, [event(1), event(2, "pre_tool", { tool_use_id: "a" }), event(3), event(4, "post_tool", { tool_use_id: "a" })]);
    const found = [2, 4, 3, 5, null].map((seq) => items.filter((item) => holdsEvent(item, seq)).map((item) => item.seq));
    expect(found).toEqual([[2], [2], [3], [], []]);
  });

  test("takes ten thousand events in a moment", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => event(index + 1, "message", { role: "assistant", content: [] }));
    const began = performance.now();
    const state = reduceTimeline(EMPTY_TIMELINE, many);
    expect([state.items.length, performance.now() - began < 500]).toEqual([10_000, true]);
  });
});
