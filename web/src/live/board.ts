// The callboard as a value, and how events change it. Pure: the same events give the same board, here and in the tests
// that hold it against what the coordinator itself says.
import type { Board, BoardSession, Session } from "../api/schema";
import type { Event } from "./types";

export const GROUPS = ["needs_you", "ready_for_review", "working", "queued", "done"] as const;
export type Group = (typeof GROUPS)[number];

export interface Row extends BoardSession {
  /** Whether a run of it is claimed, running or interrupted. */
  live: boolean;
}

export interface BoardState {
  rows: Readonly<Record<string, Row>>;
  totals: Readonly<Record<Group, number>>;
  /** Sessions of which more has changed than events tell: to be read again. */
  stale: ReadonlySet<string>;
}

export const EMPTY_BOARD: BoardState = {
  rows: {},
  totals: { needs_you: 0, ready_for_review: 0, working: 0, queued: 0, done: 0 },
  stale: new Set(),
};

const HEADLINE = 200;
const SHOWN_IN_HAND = 500;
const STATUS_OF_STOPPED = new Set(["stopped", "budget_exceeded"]);
const LIVE_STATUSES = new Set(["running", "stopping", "interrupted"]);
/** After these a session's row says all there is to say; after any other change of state it is read again. */
const TOLD_IN_FULL = new Set(["message", "pre_tool"]);

export function boardOf(board: Board): BoardState {
  const rows: Record<string, Row> = {};
  const totals = { ...EMPTY_BOARD.totals };
  for (const group of board.groups) {
    totals[group.group as Group] = group.total;
    for (const session of group.sessions) rows[session.session_id] = { ...session, live: isLive(session) };
  }
  return { rows, totals, stale: new Set() };
}

/** The board after these events. */
export function reduceBoard(state: BoardState, events: readonly Event[]): BoardState {
  const rows = { ...state.rows };
  const totals = { ...state.totals };
  const stale = new Set(state.stale);
  for (const event of events) {
    const before = rows[event.session_id];
    // Read again by who gathers them: a working agent spends all the time.
    if (event.type === "usage") continue;
    if (!TOLD_IN_FULL.has(event.type) || before === undefined) stale.add(event.session_id);
    if (before === undefined) continue;
    const after = changed(before, event);
    if (after === before) continue;
    const group = groupOf(after);
    if (group !== before.group) move(totals, after, before.group as Group, group);
    rows[event.session_id] = { ...after, group };
  }
  return { rows, totals, stale };
}

/** The board with a session as the coordinator shows it now; null: it is gone, or was put away. */
export function putSession(state: BoardState, sessionId: string, session: Session | null): BoardState {
  const stale = new Set(state.stale);
  stale.delete(sessionId);
  const before = state.rows[sessionId];
  const totals = { ...state.totals };
  const rows = { ...state.rows };
  if (before && counts(before)) totals[before.group as Group] -= 1;
  if (session === null || session.archived_at !== null) {
    delete rows[sessionId];
    return { rows, totals, stale };
  }
  const known = before ?? { headline: null, since: session.last_resumed_at ?? session.created_at };
  const row: Row = { ...session, headline: known.headline, since: known.since, live: isLive(session) };
  if (counts(row)) totals[row.group as Group] += 1;
  rows[sessionId] = row;
  return { rows: bounded(rows), totals, stale };
}

/** The board on which these sessions are to be read again. */
export function markStale(state: BoardState, sessionIds: readonly string[]): BoardState {
  return { ...state, stale: new Set([...state.stale, ...sessionIds]) };
}

/** The rows of a group: who has waited longest first, of Done the newest first. */
export function rowsOf(state: BoardState, group: Group): Row[] {
  const rows = Object.values(state.rows).filter((row) => row.group === group && counts(row));
  return rows.sort((one, other) => (group === "done" ? order(other, one) : order(one, other)));
}

function order(one: Row, other: Row): number {
  return one.since < other.since ? -1 : one.since > other.since ? 1 : one.session_id < other.session_id ? -1 : 1;
}

/** Done shows no children: they are in the tree of their parent, which counts them. */
function counts(row: Row): boolean {
  return row.group !== "done" || row.parent_session_id === null;
}

function move(totals: Record<Group, number>, row: Row, from: Group, to: Group): void {
  if (from !== "done" || row.parent_session_id === null) totals[from] -= 1;
  if (to !== "done" || row.parent_session_id === null) totals[to] += 1;
}

function isLive(session: Session): boolean {
  return LIVE_STATUSES.has(session.status) || session.group === "working";
}

/** Where a session stands: the same rule as the coordinator's. */
export function groupOf(row: Row): Group {
  if (row.waiting_for || row.lifecycle === "stuck" || row.status === "interrupted") return "needs_you";
  if (row.lifecycle === "reviews_in_progress" || row.lifecycle === "pr_ready") return "ready_for_review";
  if (row.live) return "working";
  return row.queued_runs > 0 ? "queued" : "done";
}

function changed(row: Row, event: Event): Row {
  const { payload, at } = event;
  switch (event.type) {
    case "run_queued":
      return { ...row, queued_runs: row.queued_runs + 1, since: row.live ? row.since : at };
    case "run_claimed":
      return { ...row, live: true, queued_runs: Math.max(0, row.queued_runs - 1), since: at };
    case "run_start":
      return { ...row, live: true, status: "running", since: at };
    case "run_reconnected":
      return { ...row, live: true, status: "running", since: at };
    case "run_interrupted":
      return { ...row, live: true, status: "interrupted", since: at };
    case "stop_requested":
      return row.live ? { ...row, status: "stopping" } : row;
    case "run_completed":
      return ended(row, event);
    case "approval_requested":
      return { ...row, waiting_for: payload.tool_name === "AskUserQuestion" ? "question" : "approval", headline: line(question(payload)), since: at };
    case "approval_decided":
    case "approval_expired":
      return row.waiting_for === "approval" || row.waiting_for === "question" ? { ...row, waiting_for: null, since: at } : row;
    case "lifecycle_changed":
      return { ...row, lifecycle: text(payload.to) || row.lifecycle };
    case "session_updated":
      return "title" in payload ? { ...row, title: (payload.title as string | null) ?? null } : row;
    case "pre_tool":
      return row.waiting_for ? row : { ...row, headline: line(`${text(payload.tool_name)} ${argument(payload.tool_input)}`) };
    case "message":
      return payload.role === "assistant" && !row.waiting_for && says(payload)
        ? { ...row, headline: line(says(payload)) }
        : row;
    default:
      return row;
  }
}

function ended(row: Row, event: Event): Row {
  const { payload } = event;
  const reason = text(payload.reason);
  const status = reason === "completed" ? "finished" : STATUS_OF_STOPPED.has(reason) ? "stopped" : "failed";
  const error = payload.error as { message?: string } | null | undefined;
  const result = payload.result as { result_text?: string | null } | null | undefined;
  const told = error?.message ?? result?.result_text;
  // A run that was cancelled before anybody claimed it was waiting until now.
  const queued = row.live ? row.queued_runs : Math.max(0, row.queued_runs - 1);
  const headline = told ? line(told) : row.headline;
  return { ...row, live: false, queued_runs: queued, waiting_for: null, status, reason, headline, since: event.at };
}

/** The text of a message. */
export function says(payload: Record<string, unknown>): string {
  const blocks = Array.isArray(payload.content) ? (payload.content as { text?: unknown }[]) : [];
  return blocks.map((block) => (typeof block.text === "string" ? block.text : "")).join("");
}

/** What an agent thought before it spoke, where its model tells. */
export function thinks(payload: Record<string, unknown>): string {
  const blocks = Array.isArray(payload.content) ? (payload.content as { thinking?: unknown }[]) : [];
  return blocks.map((block) => (typeof block.thinking === "string" ? block.thinking : "")).join("");
}

/** What an agent asks permission for: in its words, or in short where those only repeat the call. */
export function question(asked: Record<string, unknown>): string {
  const name = text(asked.tool_name);
  const said = text(asked.description);
  return !said || said.startsWith(`${name} {`) ? `${name} ${argument(asked.tool_input)}`.trim() : said;
}

/** What a tool call is about: its command, else the first text among its arguments. */
export function argument(input: unknown): string {
  const values = input && typeof input === "object" ? Object.values(input) : [];
  const command = input && typeof input === "object" && "command" in input ? text(input.command) : "";
  return command || text(values.find((value) => typeof value === "string" && value !== ""));
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The first line that says something, cut. */
export function line(whole: string): string {
  return whole.split("\n").map((one) => one.trim()).find((one) => one)?.slice(0, HEADLINE) ?? "";
}

/** Done grows as long as the page is open: the oldest go, the others are bounded by the coordinator. */
function bounded(rows: Record<string, Row>): Record<string, Row> {
  const done = Object.values(rows).filter((row) => row.group === "done");
  if (done.length <= SHOWN_IN_HAND) return rows;
  for (const row of done.sort(order).slice(0, done.length - SHOWN_IN_HAND)) delete rows[row.session_id];
  return rows;
}
