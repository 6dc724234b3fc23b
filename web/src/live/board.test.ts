// A81: the board that events make is the one that the coordinator shows.
import { describe, expect, test } from "vitest";
import { argument, boardOf, EMPTY_BOARD, putSession, reduceBoard, rowsOf, type BoardState } from "./board";
import { recording } from "./recording.test-data";

function begun(): BoardState {
  return recording.rows.reduce((state, row) => putSession(state, row.session_id, row), EMPTY_BOARD);
}

/** What is stored after a row was read is told again by the stream: the recording's first two events are in the rows. */
const told = (sessionId: string, until: number) =>
  recording.events.filter((event) => event.session_id === sessionId && event.seq > 2 && event.seq <= until);

describe("the board", () => {
  test.each(recording.checkpoints)("is the coordinator's when $session_id is $name", (checkpoint) => {
    const state = reduceBoard(begun(), told(checkpoint.session_id, checkpoint.last_seq));
    const row = state.rows[checkpoint.session_id];
    expect(row).toMatchObject({
      status: checkpoint.status, waiting_for: checkpoint.waiting_for, group: checkpoint.group, queued_runs: checkpoint.queued_runs,
    });
  });

  test("counts what moves", () => {
    const state = begun();
    expect(state.totals).toMatchObject({ queued: 2, done: 0 });
    const asking = reduceBoard(state, told("ses_1", 11));
    expect(asking.totals).toMatchObject({ queued: 1, needs_you: 1, done: 0 });
    const done = reduceBoard(asking, recording.events.filter((event) => event.seq > 11 || event.session_id === "ses_2").filter((event) => event.seq > 2));
    expect(done.totals).toMatchObject({ needs_you: 0, working: 0, queued: 0, done: 2 });
  });

  test("says what each is about", () => {
    const headline = (until: number) => reduceBoard(begun(), told("ses_1", until)).rows.ses_1?.headline;
    expect(headline(7)).toBe("Looking at **it**");
    expect(headline(8)).toBe("Read src/login.py");
    expect(headline(11)).toBe("run true");
    expect(headline(16)).toBe("Fixed.");
    expect(headline(22)).toBe("the database is away");
  });

  test("reads again what events do not tell, and what it has never seen", () => {
    const quiet = reduceBoard(begun(), told("ses_1", 8).filter((event) => event.type === "message" || event.type === "pre_tool"));
    expect(quiet.stale.size).toBe(0);
    expect([...reduceBoard(begun(), told("ses_1", 4)).stale]).toEqual(["ses_1"]);
    const unknown = reduceBoard(EMPTY_BOARD, told("ses_1", 6));
    expect([[...unknown.stale], unknown.rows]).toEqual([["ses_1"], {}]);
    expect(putSession(unknown, "ses_1", null).stale.size).toBe(0);
  });

  test("shows who has waited longest first, and the newest of Done first", () => {
    const row = (id: string, group: string, since: string, parent: string | null = null) => ({
      ...recording.rows[0]!, session_id: id, group, since, headline: null, parent_session_id: parent,
      status: group === "done" ? "finished" : "running", waiting_for: group === "needs_you" ? "approval" : null,
    });
    const state = boardOf({
      at: "2026-01-01T00:00:00.000Z",
      groups: [
        { group: "needs_you", total: 2, sessions: [row("b", "needs_you", "2026-01-02"), row("a", "needs_you", "2026-01-01")] },
        { group: "done", total: 2, sessions: [row("c", "done", "2026-01-01"), row("d", "done", "2026-01-02"), row("e", "done", "2026-01-03", "d")] },
      ],
    });
    expect(rowsOf(state, "needs_you").map((one) => one.session_id)).toEqual(["a", "b"]);
    expect(rowsOf(state, "done").map((one) => one.session_id)).toEqual(["d", "c"]);
  });
});

test("a call is told by its command, wherever that stands among what is given", () => {
  expect([argument({ description: "Only looks", command: "rm -r build" }), argument({ path: "a", n: 1 }), argument({ command: "", path: "a" }), argument(null)]).toEqual(["rm -r build", "a", "a", ""]);
});
