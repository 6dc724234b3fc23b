// What there is to read of a run besides what its agent says: what its process printed, and what runner and coordinator
// told of the attempt, as lines of plain text with the moment of each. Pure.
import { inert } from "../parts/inert";
import { sentenceOf } from "./eventSentences";
import type { Item, NoteItem } from "./timeline";

export type Source = "stderr" | "runner" | "note" | "check" | "callboard";

export interface LogLine {
  key: string;
  seq: number;
  at: string;
  run_id: string | null;
  source: Source;
  /** Something went wrong. */
  bad: boolean;
  /** Another run begins with it. */
  begins: boolean;
  /** Made harmless, as it is shown: what is filtered is what is seen. */
  text: string;
}

export interface LoggedRun {
  run_id: string;
  number: number | null;
}

const made = new WeakMap<Item, readonly LogLine[]>();

/** The lines of a log; of one run where one is `wanted`, and only those that hold the words of `filter`. */
export function logLines(items: readonly Item[], wanted = "", filter = ""): LogLine[] {
  const words = filter.toLowerCase();
  const lines: LogLine[] = [];
  for (const item of items) {
    if (wanted && item.run_id !== wanted) continue;
    for (const line of linesOf(item)) if (!words || line.text.toLowerCase().includes(words)) lines.push(line);
  }
  return lines;
}

/** The runs that have lines, as far as the log tells their numbers. */
export function loggedRuns(items: readonly Item[]): LoggedRun[] {
  const runs = new Map<string, LoggedRun>();
  for (const item of items) {
    if (item.run_id === null) continue;
    const number = item.kind === "run" ? item.number : item.kind === "note" && typeof item.payload.number === "number" ? item.payload.number : null;
    const before = runs.get(item.run_id);
    if (before === undefined) runs.set(item.run_id, { run_id: item.run_id, number });
    else before.number ??= number;
  }
  return [...runs.values()];
}

function linesOf(item: Item): readonly LogLine[] {
  let lines = made.get(item);
  if (lines === undefined) {
    const found = textOf(item);
    const base = { seq: item.seq, at: item.at, run_id: item.run_id };
    lines = found === null ? [] : inert(found.text).replace(/\n+$/, "").split("\n")
      .map((text, index) => ({ ...base, key: index === 0 ? item.key : `${item.key}.${index}`, source: found.source, bad: found.bad, begins: item.types[0] === "run_queued", text }));
    made.set(item, lines);
  }
  return lines;
}

type Found = { source: Source; bad: boolean; text: string } | null;

function textOf(item: Item): Found {
  switch (item.kind) {
    case "run": return plain([`run ${item.number ?? ""} started`.replace("  ", " "), item.attempt && `attempt ${item.attempt}`, item.runner && `on ${item.runner}`]);
    case "end": return { ...plain([`run ended: ${item.reason.replaceAll("_", " ")}`, item.exit_code !== null && `exit code ${item.exit_code}`], item.error?.message), bad: item.reason !== "completed" && item.reason !== "stopped" };
    case "note": return noteOf(item);
    default: return null;
  }
}

function noteOf({ type, payload }: NoteItem): Found {
  const word = (name: string) => (typeof payload[name] === "string" || typeof payload[name] === "number" ? String(payload[name]) : "");
  switch (type) {
    case "output": return { source: word("stream") === "runner" ? "runner" : "stderr", bad: false, text: word("text") };
    case "note": return { source: "note", bad: false, text: word("text") };
    case "check_completed": {
      const passed = payload.exit_code === 0;
      const how = payload.timed_out ? "timed out" : word("signal") ? `ended by ${word("signal")}` : passed ? "passed" : `exit code ${word("exit_code")}`;
      return { ...plain([`check ${word("name")}: ${how}`, word("duration_ms") && `${word("duration_ms")} ms`], word("tail")), source: "check", bad: !passed };
    }
    case "check_started": return { ...plain([`check ${word("name")} started`]), source: "check" };
    case "run_queued": return plain([`run ${word("number")} queued`, word("trigger") && `by ${word("trigger")}`]);
    case "run_claimed": return plain([`claimed by ${word("runner_id")}`, word("attempt") && `attempt ${word("attempt")}`]);
    case "run_interrupted": return { ...plain(["contact lost", word("why")], word("follows")), bad: true };
    case "run_reconnected": return plain(["contact is back", word("attempt") && `attempt ${word("attempt")}`]);
    case "stop_requested":
    case "budget_changed": return plain([sentenceOf(type, payload)]);
    case "session_bound": return plain([`bound to ${word("executor_type")} ${word("executor_session_id")}`, word("hostname") && `on ${word("hostname")}`, word("project_dir")]);
    default: return null;
  }
}

function plain(parts: readonly unknown[], more = ""): { source: Source; bad: boolean; text: string } {
  const sentence = parts.filter(Boolean).join(", ");
  return { source: "callboard", bad: false, text: more ? `${sentence}\n${more}` : sentence };
}
