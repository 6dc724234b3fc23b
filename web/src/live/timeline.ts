// A session's log as a value: runs on one timeline, tool calls paired with their ends, and what comes in the wrong order
// put right by its number. Pure: no gap and no duplicate follows from the numbers alone, whatever the stream did.
import { says, text, thinks } from "./board";
import { contextOf, type Context } from "./context";
import type { Delta, Event } from "./types";

interface Base {
  key: string;
  seq: number;
  at: string;
  /** The types of the events that it shows, for the filter. */
  types: string[];
  run_id: string | null;
}
export interface RunItem extends Base {
  kind: "run";
  number: number | null;
  type: string;
  trigger: string;
  attempt: number | null;
  runner: string;
}
export interface EndItem extends Base {
  kind: "end";
  reason: string;
  exit_code: number | null;
  error: { code: string; message: string } | null;
  payload: Record<string, unknown>;
}
export interface MessageItem extends Base {
  kind: "message";
  role: string;
  text: string;
  /** What the agent thought, where its model tells. */
  thinking?: string;
  /** Still being written. */
  partial: boolean;
  /** How many characters of its beginning came before anybody looked. */
  missing?: number;
  /** Of the message that somebody sent, when the agent took it while it worked. */
  message_id?: string;
}
export interface ToolItem extends Base {
  kind: "tool";
  id: string;
  name: string;
  input: unknown;
  output: unknown;
  state: "running" | "ok" | "error" | "unknown";
  duration_ms: number | null;
  inside: string | null;
}
export interface ApprovalItem extends Base {
  kind: "approval";
  id: string;
  payload: Record<string, unknown>;
  decision: string | null;
}
export interface ResultItem extends Base {
  kind: "result";
  payload: Record<string, unknown>;
}
export interface NoteItem extends Base {
  kind: "note";
  type: string;
  payload: Record<string, unknown>;
}
export type Item = RunItem | EndItem | MessageItem | ToolItem | ApprovalItem | ResultItem | NoteItem;

export interface Timeline {
  /** The number of the last event that was taken in; all from `first` on are there. */
  last: number;
  /** Events below were forgotten: by the coordinator, or here, where a page may be open for days. */
  first: number;
  items: readonly Item[];
  /** How many events there were of each type. */
  counts: Readonly<Record<string, number>>;
  /** Came before those that they follow. */
  ahead: ReadonlyMap<number, Event>;
  /** Pieces of messages that are not stored yet, by message. */
  partial: ReadonlyMap<string, MessageItem>;
  /** What the latest call to a model held, once one was booked. */
  context: Context | null;
}

export const EMPTY_TIMELINE: Timeline = {
  last: 0, first: 1, items: [], counts: {}, ahead: new Map(), partial: new Map(), context: null,
};

/** The timeline after these events; those that are there already change nothing. */
export function reduceTimeline(state: Timeline, events: readonly Event[], first = state.first): Timeline {
  const ahead = new Map(state.ahead);
  let last = Math.max(state.last, first - 1);
  for (const event of events) if (event.seq > last) ahead.set(event.seq, event);
  if (!ahead.has(last + 1)) return ahead.size === state.ahead.size && first === state.first ? state : { ...state, ahead, first, last };
  const items = [...state.items];
  const counts = { ...state.counts };
  const partial = new Map(state.partial);
  let { context } = state;
  for (let next = ahead.get(last + 1); next; next = ahead.get(last + 1)) {
    ahead.delete(next.seq);
    last = next.seq;
    counts[next.type] = (counts[next.type] ?? 0) + 1;
    add(items, next);
    const key = text(next.payload.message_key);
    if (next.type === "message" && key) partial.delete(key);
    if (next.type === "run_completed") partial.clear();
    if (next.type === "usage") context = contextOf(next.payload) ?? context;
  }
  return bounded({ last, first, items, counts, ahead, partial, context });
}

const MOST_ITEMS = 30_000;
const KEPT_ITEMS = 25_000;

function bounded(state: Timeline): Timeline {
  if (state.items.length <= MOST_ITEMS) return state;
  const items = state.items.slice(-KEPT_ITEMS);
  return { ...state, items, first: items[0]?.seq ?? state.first };
}

/** Pieces of messages: those of a newer attempt, or that overlap, replace what was there. */
export function reduceDeltas(state: Timeline, deltas: readonly Delta[]): Timeline {
  const partial = new Map(state.partial);
  for (const delta of deltas) {
    const before = partial.get(delta.message_key);
    const missing = before?.missing ?? delta.offset;
    // A piece before this one was lost: what follows is shown all the same, the stored message will have it all.
    const whole = (before?.text ?? "").slice(0, Math.max(0, delta.offset - missing)) + delta.text;
    partial.set(delta.message_key, {
      kind: "message", key: `delta ${delta.message_key}`, seq: state.last, at: "", types: ["message"],
      run_id: delta.run_id, role: "assistant", text: whole, partial: true, missing,
    });
  }
  return { ...state, partial };
}

/** Whether events are missing between what is there and what came. */
export function hasHole(state: Timeline): boolean {
  return state.ahead.size > 0;
}

function add(items: Item[], event: Event): void {
  const base = { key: String(event.seq), seq: event.seq, at: event.at, types: [event.type], run_id: event.run_id };
  const { payload } = event;
  switch (event.type) {
    case "run_start":
      items.push({ ...base, kind: "run", number: numeric(payload.number ?? payload.run_number), type: text(payload.type),
        trigger: text(payload.trigger), attempt: event.attempt, runner: text(payload.runner_id ?? payload.runner) });
      return;
    case "run_completed":
      items.push({ ...base, kind: "end", reason: text(payload.reason), exit_code: numeric(payload.exit_code), payload,
        error: (payload.error as EndItem["error"] | undefined) ?? null });
      return;
    case "message":
      items.push({ ...base, kind: "message", role: text(payload.role), text: says(payload), partial: false,
        ...(thinks(payload) ? { thinking: thinks(payload) } : {}), ...(payload.message_id ? { message_id: text(payload.message_id) } : {}) });
      return;
    case "pre_tool":
      items.push({ ...base, kind: "tool", id: text(payload.tool_use_id), name: text(payload.tool_name), output: undefined,
        input: payload.tool_input, state: "running", duration_ms: null, inside: text(payload.parent_tool_use_id) || null });
      return;
    case "post_tool":
      endTool(items, event, base);
      return;
    case "approval_requested":
      items.push({ ...base, kind: "approval", id: text(payload.approval_id), payload, decision: null });
      return;
    case "approval_decided":
    case "approval_expired":
      if (settle(items, event)) return;
      break;
    case "result":
      items.push({ ...base, kind: "result", payload });
      return;
  }
  items.push({ ...base, kind: "note", type: event.type, payload });
}

const LOOK_BACK = 2_000;

function findLast<T extends Item>(items: Item[], fits: (item: Item) => item is T): number {
  for (let index = items.length - 1; index >= Math.max(0, items.length - LOOK_BACK); index--) {
    const item = items[index];
    if (item && fits(item)) return index;
  }
  return -1;
}

/** The end of a tool call joins its beginning; without one it stands for itself. */
function endTool(items: Item[], event: Event, base: Base): void {
  const { payload } = event;
  const id = text(payload.tool_use_id);
  const end = { output: payload.tool_output, state: payload.is_error ? ("error" as const) : ("ok" as const),
    duration_ms: numeric(payload.duration_ms) };
  const index = findLast(items, (item): item is ToolItem => item.kind === "tool" && item.id === id && item.run_id === event.run_id);
  const begun = items[index];
  if (id && begun?.kind === "tool") {
    items[index] = { ...begun, ...end, types: ["pre_tool", "post_tool"],
      duration_ms: end.duration_ms ?? Date.parse(event.at) - Date.parse(begun.at) };
  } else {
    items.push({ ...base, kind: "tool", id, name: text(payload.tool_name), input: undefined, inside: null, ...end });
  }
}

function settle(items: Item[], event: Event): boolean {
  const id = text(event.payload.approval_id);
  const index = findLast(items, (item): item is ApprovalItem => item.kind === "approval" && item.id === id);
  const asked = items[index];
  if (asked?.kind !== "approval") return false;
  const decision = event.type === "approval_expired" ? "expired" : text(event.payload.decision);
  items[index] = { ...asked, decision, types: [...asked.types, event.type], payload: { ...asked.payload, ...event.payload, settled_at: event.at } };
  return true;
}

function numeric(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
