// A log as it was written: one row an event, in the order of their numbers, also where the timeline shows two as one.
// Pure; what else an event holds is asked of the API when somebody unfolds its row.
import { argument } from "./board";
import { sentenceOf } from "./eventSentences";
import type { Item } from "./timeline";

export interface EventRow {
  key: string;
  seq: number;
  at: string;
  type: string;
  run_id: string | null;
  item: Item;
  /** It is the end of what the item shows: a call's output, a decision. */
  ends: boolean;
}

/** Items are never changed: their rows are made once, though thousands are looked at again with each event. */
const made = new WeakMap<Item, readonly EventRow[]>();

function rowsOf(item: Item): readonly EventRow[] {
  let rows = made.get(item);
  if (rows === undefined) {
    const one = { seq: item.seq, at: item.at, run_id: item.run_id, item };
    const first = { ...one, key: item.key, type: item.types[0] ?? "", ends: item.types[0] === "post_tool" };
    rows = item.until === undefined ? [first]
      : [first, { ...one, key: String(item.until), seq: item.until, at: item.until_at ?? item.at, type: item.types.at(-1) ?? "", ends: true }];
    made.set(item, rows);
  }
  return rows;
}

/** The events that these items show, of the `wanted` types; that of the number `linked` in any case. */
export function eventRows(items: readonly Item[], wanted: ReadonlySet<string> | null = null, linked: number | null = null): EventRow[] {
  const rows: EventRow[] = [];
  let inOrder = true;
  for (const item of items) {
    for (const row of rowsOf(item)) {
      if (wanted !== null && !wanted.has(row.type) && row.seq !== linked) continue;
      inOrder &&= rows.length === 0 || (rows.at(-1)?.seq ?? 0) < row.seq;
      rows.push(row);
    }
  }
  return inOrder ? rows : rows.sort((one, other) => one.seq - other.seq);
}

const EXCERPT = 400;

/** What an event says, on one line; not made harmless yet. */
export function summaryOf({ item, ends }: EventRow): string {
  switch (item.kind) {
    case "run": return told({ run: item.number, type: item.type, trigger: item.trigger, attempt: item.attempt });
    case "end": return [told({ reason: item.reason, exit_code: item.exit_code }), item.error?.message].filter(Boolean).join(": ").slice(0, EXCERPT);
    case "message": return item.text.slice(0, EXCERPT);
    case "tool": return ends ? `${item.name} ${item.state === "error" ? "failed " : ""}${brief(item.output)}`.trim() : `${item.name} ${argument(item.input)}`.slice(0, EXCERPT);
    case "approval": return ends ? `${item.decision ?? ""} ${typeof item.payload.reason === "string" ? item.payload.reason : ""}`.trim()
      : `${String(item.payload.tool_name ?? "")} ${argument(item.payload.tool_input)}`.slice(0, EXCERPT);
    case "result": return brief(item.payload.result_text ?? item.payload.result_data);
    case "note": return typeof item.payload.text === "string" ? item.payload.text.slice(0, EXCERPT) : sentenceOf(item.type, item.payload)?.slice(0, EXCERPT) ?? told(item.payload);
  }
}

function brief(value: unknown): string {
  if (value === undefined || value === null) return "";
  return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, EXCERPT);
}

/** What the page is about anyhow. */
const KNOWN = new Set(["session_id", "root_session_id", "run_id"]);

/** What is said of something by name, as far as it is said in a word. */
function told(values: Record<string, unknown>): string {
  return Object.entries(values).filter(([name, value]) => !KNOWN.has(name) && value !== null && value !== "" && typeof value !== "object")
    .map(([name, value]) => `${name}=${String(value)}`).join(" ").slice(0, EXCERPT);
}
