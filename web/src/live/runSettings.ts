// With what a run was begun, as names and words, so that two runs can be compared. Pure.
import type { Run } from "../api/schema";

export interface Setting {
  name: string;
  value: string;
}

const MODES: Record<string, string> = {
  read_only: "may read only", ask: "asks before it changes", edit: "may edit files", full: "may do everything",
};
const EXECUTION: Record<string, string> = {
  sync: "whoever started it waits for its end", async_poll: "whoever started it looks for its end", async_callback: "its end resumes the session that started it",
};
const ON_LOST: Record<string, string> = { wait: "waits for its runner", retry: "is tried again on another runner", fail: "fails" };
const NOT_SET = "not set";
const NOT_YET = "none yet";
const LIMITS: readonly [string, string, (value: number) => string][] = [
  ["timeout_seconds", "Timeout", seconds], ["queue_timeout_seconds", "Waits in the queue", seconds], ["no_match_seconds", "Waits for a runner that fits", seconds],
  ["max_turns", "Turns", String], ["budget_microdollars", "Budget", (value) => `$${(value / 1_000_000).toFixed(2)}`], ["budget_tokens", "Budget of tokens", (value) => value.toLocaleString("en")],
];

function seconds(value: number): string {
  return value < 120 ? `${value} s` : value < 7200 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1).replace(/\.0$/, "")} h`;
}

/** What was asked for, one after the other; what was left open is said as such. */
export function settingsOf(run: Run): Setting[] {
  const demanded = (name: string) => (typeof run.demands[name] === "string" ? String(run.demands[name]) : "");
  const tags = Array.isArray(run.demands.tags) ? run.demands.tags.map(String) : [];
  const limits = LIMITS.filter(([key]) => typeof run.limits[key] === "number").map(([key, word, say]) => ({ name: word, value: `at most ${say(run.limits[key] as number)}` }));
  return [
    { name: "Agent", value: run.agent_name ?? NOT_SET },
    ...(run.agent ? [{ name: "State of the agent", value: `${run.agent.etag.slice(0, 12)} (${run.agent.scope})` }] : []),
    { name: "Executor", value: run.executor_type },
    { name: "Model", value: run.model ?? "left to the executor" },
    { name: "Permissions", value: run.permission_mode === null ? "left to the executor" : (MODES[run.permission_mode] ?? run.permission_mode) },
    { name: "Directory", value: run.project_dir ?? "that of its runner" },
    { name: "Demanded host", value: demanded("hostname") || "any" },
    { name: "Demanded directory", value: demanded("project_dir") || "any" },
    { name: "Demanded tags", value: tags.join(", ") || "none" },
    { name: "Runner", value: run.runner_id ?? NOT_YET },
    { name: "Begun by", value: run.trigger },
    { name: "Callback", value: EXECUTION[run.execution_mode] ?? run.execution_mode },
    { name: "When its runner is lost", value: `${ON_LOST[run.on_lost] ?? run.on_lost}${run.repeatable ? "; its work may be repeated" : ""}` },
    { name: "Priority", value: String(run.priority) },
    ...(limits.length > 0 ? limits : [{ name: "Limits", value: NOT_SET }]),
    ...(run.parameters === null ? [] : [{ name: "Parameters", value: JSON.stringify(run.parameters, null, 2) }]),
  ];
}

const PLACES = new Set(["Demanded host", "Demanded directory"]);

/** Whoever goes on with a conversation has to be where it is: nobody has asked for that. */
function follows(run: Run, name: string, was: string): boolean {
  return run.type === "resume_session" && was === "any" && PLACES.has(name);
}

export interface Compared extends Setting {
  /** What it was in the run that it is compared with, where that was something else. */
  before: string | null;
}

/** The settings of a run beside those of another one; what the other one had besides stands at the end. */
export function compared(run: Run, other: Run): Compared[] {
  const before = new Map(settingsOf(other).map((one) => [one.name, one.value]));
  const now = settingsOf(run).map((one) => {
    const was = before.get(one.name) ?? NOT_SET;
    before.delete(one.name);
    return { ...one, before: was === one.value || one.value === NOT_YET || follows(run, one.name, was) ? null : was };
  });
  const gone = [...before].filter(([, was]) => was !== NOT_SET).map(([name, was]) => ({ name, value: NOT_SET, before: was }));
  return [...now, ...gone];
}
