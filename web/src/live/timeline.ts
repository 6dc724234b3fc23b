// A session's log as a value: runs on one timeline, tool calls paired with their ends, and what comes in the wrong order
// put right by its number. Pure: no gap and no duplicate follows from the numbers alone, whatever the stream did. A page
// may be open for days: what lies far back is let go of, and put before the rest again when somebody wants to see it.
import { says, text, thinks } from "./board";
import { contextOf, type Context } from "./context";
import type { Delta, Event } from "./types";

interface Base {
  key: string;
  seq: number;
  at: string;
  /** The types of the events that it shows, for the filter. */
  types: readonly string[];
  run_id: string | null;
  /** The number of the last event that it shows, where that is another one, and when that was. */
  until?: number;
  until_at?: string;
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
  /** While it is written: how many characters of it came before anybody looked, or were lost. */
  missing?: number;
  /** While it is written: how many characters `text` has, as the coordinator counts them: an emoji is one. */
  characters?: number;
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
  /** The number of the last event that was taken in. */
  last: number;
  /** All events from this number on are there; of those before, what reaches beyond it. */
  first: number;
  /** The first event that the coordinator still has. */
  oldest: number;
  /** Somebody looks at what was before: nothing is let go of meanwhile. */
  held: boolean;
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
  last: 0, first: 1, oldest: 1, held: false, items: [], counts: {}, ahead: new Map(), partial: new Map(), context: null,
};

/** The timeline after these events; those that are there already change nothing. */
export function reduceTimeline(state: Timeline, events: readonly Event[], oldest = state.oldest): Timeline {
  const ahead = new Map(state.ahead);
  // What the coordinator has forgotten before it came here is not waited for.
  const skips = state.last < oldest - 1;
  let last = skips ? oldest - 1 : state.last;
  const first = skips ? oldest : state.first;
  if (skips) for (const seq of state.ahead.keys()) if (seq <= last) ahead.delete(seq);
  for (const event of events) if (event.seq > last) ahead.set(event.seq, event);
  if (!ahead.has(last + 1)) return ahead.size === state.ahead.size && oldest === state.oldest ? state : { ...state, ahead, first, last, oldest };
  const items = [...state.items];
  const counts = { ...state.counts };
  const partial = new Map(state.partial);
  let { context } = state;
  for (let next = ahead.get(last + 1); next; next = ahead.get(last + 1)) {
    ahead.delete(next.seq);
    last = next.seq;
    counts[next.type] = (counts[next.type] ?? 0) + 1;
    put(items, itemOf(next, items.at(-1)?.run_id));
    const key = text(next.payload.message_key);
    if (next.type === "message" && key) partial.delete(key);
    if (next.type === "run_completed") partial.clear();
    if (next.type === "usage") context = contextOf(next.payload) ?? context;
  }
  return bounded({ ...state, last, first, oldest, items, counts, ahead, partial, context });
}

const MOST_ITEMS = 15_000;
const KEPT_ITEMS = 12_000;
/** While somebody looks at what was before. */
const MOST_HELD = 60_000;
const LET_GO = MOST_ITEMS - KEPT_ITEMS;

/** Lets go of the beginning, but for what reaches beyond it: calls that ended later, and how the run began that goes on. */
function bounded(state: Timeline): Timeline {
  const most = state.held ? MOST_HELD : MOST_ITEMS;
  if (state.items.length <= most) return state;
  const cut = state.items.length - (most - LET_GO);
  const before = state.items.slice(0, cut);
  const kept = state.items.slice(cut);
  const first = kept[0]?.seq ?? state.first;
  const run = kept[0]?.kind === "run" ? cut : before.findLastIndex((item) => item.kind === "run");
  const begins = (item: Item, index: number) => index === run || (index > run && index <= run + NEAR && isPrompt(item));
  return { ...state, items: [...before.filter((item, index) => begins(item, index) || (item.until ?? 0) >= first), ...kept], first };
}

/** How far behind the beginning of a run its prompt may stand. */
const NEAR = 5;

function isPrompt(item: Item): boolean {
  return item.kind === "message" && item.role === "user";
}

/** The timeline while somebody looks at what was before, or again at what comes. */
export function holdTimeline(state: Timeline, held: boolean): Timeline {
  return held === state.held ? state : bounded({ ...state, held });
}

/** A timeline to be read by hand, from this number on. */
export function partFrom(first: number, oldest: number): Timeline {
  return { ...EMPTY_TIMELINE, first, last: first - 1, oldest, held: true };
}

/** Whether an event lies before all that is there, so that nothing leads to it. */
export function liesBefore(state: Timeline, seq: number): boolean {
  return seq > 0 && seq < state.first && !state.items.some((item) => item.seq === seq);
}

/** Whether there is something before it to be read again, and room for it. */
export function hasEarlier(state: Timeline): boolean {
  return state.first > state.oldest && state.items.length <= MOST_HELD - LET_GO;
}

/** The timeline with what was before it: as many of these events as follow one on another up to its first. */
export function prependTimeline(state: Timeline, events: readonly Event[], oldest = state.oldest): Timeline {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  const earlier: Item[] = [];
  let first = state.first;
  while (bySeq.has(first - 1)) first--;
  for (let seq = first; seq < state.first; seq++) {
    const event = bySeq.get(seq);
    if (event) put(earlier, itemOf(event, earlier.at(-1)?.run_id));
  }
  const reaching = new Map(state.items.filter((item) => item.seq < state.first).map((item) => [item.key, item]));
  const again = earlier.map((item) => reaching.get(item.key) ?? item);
  const before = [...reaching.values()].filter((item) => item.seq < first);
  // What was an end without a beginning may have one now.
  const later = state.items.slice(reaching.size).filter((item, index) => index >= LOOK_BACK || !joins(again, item));
  return { ...state, items: [...before, ...again, ...later], first, oldest };
}

/** Pieces of messages: those of a newer attempt, or that overlap, replace what was there. */
export function reduceDeltas(state: Timeline, deltas: readonly Delta[]): Timeline {
  const partial = new Map(state.partial);
  for (const delta of deltas) {
    const before = partial.get(delta.message_key);
    const had = before?.characters ?? 0;
    const at = Math.max(0, delta.offset - (before?.missing ?? delta.offset));
    // A piece before this one was lost: what follows is shown all the same, the stored message will have it all.
    const kept = at < had ? [...(before?.text ?? "")].slice(0, at).join("") : before?.text ?? "";
    partial.set(delta.message_key, {
      kind: "message", key: `delta ${delta.message_key}`, seq: state.last, at: "", types: ["message"],
      run_id: delta.run_id, role: "assistant", text: kept + delta.text, partial: true,
      missing: (before?.missing ?? delta.offset) + Math.max(0, at - had), characters: Math.min(at, had) + charactersIn(delta.text),
    });
  }
  return { ...state, partial };
}

function charactersIn(text: string): number {
  let found = 0;
  for (const _ of text) found += 1;
  return found;
}

/** Whether the event of that number is what it shows, or the end of it. */
export function holdsEvent(item: { seq: number; until?: number }, seq: number | null): boolean {
  return seq !== null && (item.seq === seq || item.until === seq);
}

/** Whether events are missing between what is there and what came. */
export function hasHole(state: Timeline): boolean {
  return state.ahead.size > 0;
}

const TYPES = new Map<string, readonly string[]>();
const MOST_TYPES = 200;
const CALL_TYPES = ["pre_tool", "post_tool"] as const;

/** One list for all events of a type: there are thousands of them. */
function typesOf(type: string): readonly string[] {
  const types = TYPES.get(type) ?? [type];
  if (TYPES.size < MOST_TYPES) TYPES.set(type, types);
  return types;
}

/** What an event is for itself; `sameRun` is the run of what stands before it, whose text is shared. */
function itemOf(event: Event, sameRun: string | null | undefined): Item {
  const run_id = event.run_id === sameRun ? sameRun : event.run_id;
  const base = { key: String(event.seq), seq: event.seq, at: event.at, types: typesOf(event.type), run_id };
  const { payload } = event;
  switch (event.type) {
    case "run_start":
      return { ...base, kind: "run", number: numeric(payload.number ?? payload.run_number), type: text(payload.type),
        trigger: text(payload.trigger), attempt: event.attempt, runner: text(payload.runner_id ?? payload.runner) };
    case "run_completed":
      return { ...base, kind: "end", reason: text(payload.reason), exit_code: numeric(payload.exit_code), payload,
        error: (payload.error as EndItem["error"] | undefined) ?? null };
    case "message":
      return { ...base, kind: "message", role: text(payload.role), text: says(payload), partial: false,
        ...(thinks(payload) ? { thinking: thinks(payload) } : {}), ...(payload.message_id ? { message_id: text(payload.message_id) } : {}) };
    case "pre_tool":
      return { ...base, kind: "tool", id: text(payload.tool_use_id), name: text(payload.tool_name), output: undefined,
        input: payload.tool_input, state: "running", duration_ms: null, inside: text(payload.parent_tool_use_id) || null };
    case "post_tool":
      return { ...base, kind: "tool", id: text(payload.tool_use_id), name: text(payload.tool_name), output: payload.tool_output,
        input: undefined, state: payload.is_error ? "error" : "ok", duration_ms: numeric(payload.duration_ms), inside: null };
    case "approval_requested":
      return { ...base, kind: "approval", id: text(payload.approval_id), payload, decision: null };
    case "result":
      return { ...base, kind: "result", payload };
  }
  return { ...base, kind: "note", type: event.type, payload };
}

/** An end joins its beginning; without one it stands for itself, as does everything else. */
function put(items: Item[], item: Item): void {
  if (!joins(items, item)) items.push(item);
}

const LOOK_BACK = 2_000;

function findLast<T extends Item>(items: Item[], fits: (item: Item) => item is T): number {
  for (let index = items.length - 1; index >= Math.max(0, items.length - LOOK_BACK); index--) {
    const item = items[index];
    if (item && fits(item)) return index;
  }
  return -1;
}

/** Puts the end of a tool call or a decision to what it ends, where that is there. */
function joins(items: Item[], end: Item): boolean {
  if (end.kind === "tool" && end.types[0] === "post_tool") return endsCall(items, end);
  if (end.kind === "note" && (end.type === "approval_decided" || end.type === "approval_expired")) return settles(items, end);
  return false;
}

function endsCall(items: Item[], end: ToolItem): boolean {
  const index = findLast(items, (item): item is ToolItem => item.kind === "tool" && item.id === end.id && item.run_id === end.run_id);
  const begun = items[index];
  if (!end.id || begun?.kind !== "tool") return false;
  items[index] = { ...begun, output: end.output, state: end.state, types: CALL_TYPES, until: end.seq, until_at: end.at,
    duration_ms: end.duration_ms ?? Date.parse(end.at) - Date.parse(begun.at) };
  return true;
}

function settles(items: Item[], end: NoteItem): boolean {
  const id = text(end.payload.approval_id);
  const index = findLast(items, (item): item is ApprovalItem => item.kind === "approval" && item.id === id);
  const asked = items[index];
  if (asked?.kind !== "approval") return false;
  const decision = end.type === "approval_expired" ? "expired" : text(end.payload.decision);
  items[index] = { ...asked, decision, types: [...asked.types, end.type], until: end.seq, until_at: end.at, payload: { ...asked.payload, ...end.payload, settled_at: end.at } };
  return true;
}

function numeric(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
