// How work stands, as columns and words; and what of it may be offered. Pure.
import type { Issue, Project, Session, Task } from "../../api/schema";
import type { Look } from "../../parts/states";

export const LIFECYCLE_LOOKS: Record<string, Look> = {
  registered: { icon: "◷", word: "Registered", tone: "wait" },
  planning: { icon: "✎", word: "Planning", tone: "work" },
  planning_complete: { icon: "✎", word: "Planned", tone: "review" },
  working: { icon: "▶", word: "Working", tone: "work" },
  shipping: { icon: "⇧", word: "Shipping", tone: "review" },
  reviews_in_progress: { icon: "◆", word: "In review", tone: "review" },
  pr_ready: { icon: "◆", word: "PR ready", tone: "review" },
  stuck: { icon: "!", word: "Stuck", tone: "need" },
  paused: { icon: "‖", word: "Paused", tone: "wait" },
  complete: { icon: "✓", word: "Complete", tone: "good" },
  cancelled: { icon: "✕", word: "Cancelled", tone: "wait" },
  deleted: { icon: "✕", word: "Deleted", tone: "wait" },
};

export function lifecycleLook(lifecycle: string | null): Look {
  return LIFECYCLE_LOOKS[lifecycle ?? ""] ?? { icon: "•", word: lifecycle ?? "No work", tone: "wait" };
}

export interface Column {
  name: string;
  look: Look;
  states: readonly string[];
}

export const COLUMNS: readonly Column[] = [
  { name: "planning", look: { icon: "✎", word: "Planning", tone: "wait" }, states: ["registered", "planning", "planning_complete"] },
  { name: "working", look: { icon: "▶", word: "Working", tone: "work" }, states: ["working"] },
  { name: "review", look: { icon: "◆", word: "Review", tone: "review" }, states: ["shipping", "reviews_in_progress", "pr_ready"] },
  { name: "stuck", look: { icon: "!", word: "Stuck", tone: "need" }, states: ["stuck"] },
  { name: "paused", look: { icon: "‖", word: "Paused", tone: "wait" }, states: ["paused"] },
  { name: "ended", look: { icon: "✓", word: "Ended", tone: "good" }, states: ["complete", "cancelled"] },
];

const ENDED = new Set(["complete", "cancelled", "deleted"]);

export function isActive(session: { lifecycle: string | null }): boolean {
  return session.lifecycle !== null && !ENDED.has(session.lifecycle);
}

/** The sessions of a column: who has stood there longest first, of the ended ones the newest. */
export function inColumn<S extends Session>(sessions: readonly S[], column: Column): S[] {
  const found = sessions.filter((one) => column.states.includes(one.lifecycle ?? "") && one.archived_at === null);
  const since = (one: S) => one.work?.lifecycle_at ?? one.created_at;
  found.sort((one, other) => (since(one) < since(other) ? -1 : since(one) > since(other) ? 1 : 0));
  return column.name === "ended" ? found.reverse() : found;
}

export function numbersOf(session: { issues: Record<string, unknown>[] }): number[] {
  return session.issues.map((issue) => Number(issue.number));
}

/** By its number which active session holds an issue. */
export function holdersOf<S extends Session>(sessions: ReadonlyMap<string, S>): Map<number, S> {
  const found = new Map<number, S>();
  for (const session of sessions.values()) if (isActive(session)) for (const number of numbersOf(session)) found.set(number, session);
  return found;
}

export const OUTCOME_LOOKS: Record<string, Look> = {
  planned: { icon: "·", word: "Not run yet", tone: "wait" },
  running: { icon: "▶", word: "Running", tone: "work" },
  passed: { icon: "✓", word: "Passed", tone: "good" },
  max_iterations: { icon: "✕", word: "Checks fail", tone: "bad" },
  budget_exceeded: { icon: "!", word: "Out of budget", tone: "need" },
  stopped: { icon: "◼", word: "Stopped", tone: "wait" },
  agent_failed: { icon: "✕", word: "Agent failed", tone: "bad" },
  skipped: { icon: "»", word: "Skipped", tone: "wait" },
};

export function taskLook(task: Pick<Task, "status" | "outcome" | "lifecycle">): Look {
  // While its session is paused or stuck nobody works on it.
  if (task.status === "running" && (task.lifecycle === "paused" || task.lifecycle === "stuck")) return lifecycleLook(task.lifecycle);
  return OUTCOME_LOOKS[task.outcome ?? task.status] ?? { icon: "•", word: task.outcome ?? task.status, tone: "wait" };
}

export function checkName(check: Task["checks"][number]): string {
  return typeof check === "string" ? check : check.name;
}

/** Where a spawn's branch and handle come from, as the coordinator names them. */
export function branchOf(numbers: readonly number[]): string {
  return numbers.length === 1 ? `issue-${numbers[0]}` : `issues-${numbers.join("-")}`;
}

/** The name of a worktree's folder, as the coordinator makes it. */
export function directoryOf(project: Project, branch: string): string {
  const prefix = project.settings.worktree_prefix ?? `${project.locations[0]?.path.split("/").at(-1) ?? ""}-`;
  return `${prefix}${branch}`;
}

/** The issues that fit all words; a number is written with or without #. */
export function fitting(issues: readonly Issue[], words: string): Issue[] {
  const sought = words.toLowerCase().split(/\s+/).filter(Boolean);
  return issues.filter((issue) => sought.every((word) => (
    /^#\d+$/.test(word) ? `#${issue.number}` === word : `#${issue.number} ${issue.title}\n${issue.body}`.toLowerCase().includes(word)
  )));
}

/** The work sessions that fit all words: issues, agent, executor, host, branch, guidance. */
export function fittingWork<S extends Session>(sessions: readonly S[], words: string): S[] {
  const sought = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (sought.length === 0) return [...sessions];
  return sessions.filter((one) => {
    const issues = one.issues.map((issue) => `#${String(issue.number)} ${String(issue.title ?? "")}`);
    const whole = [...issues, one.agent_name, one.executor_type, one.hostname, one.workspace?.branch, one.work?.guidance, one.session_id].join("\n").toLowerCase();
    return sought.every((word) => (/^#\d+$/.test(word) ? numbersOf(one).includes(Number(word.slice(1))) : whole.includes(word)));
  });
}

/** Numbers as they stand in the address and in fields: whole, positive, each once, in their order. */
export function readNumbers(text: string): number[] {
  const found = text.split(/[\s,#]+/).filter((one) => /^[1-9]\d{0,14}$/.test(one)).map(Number);
  return [...new Set(found)];
}

/** What is chosen after one is clicked: it alone changes, or with a range all from the last one to it are chosen. */
export function chosenAfter(chosen: readonly number[], shown: readonly number[], number: number, last: number | null): number[] {
  const [from, to] = [shown.indexOf(last ?? -1), shown.indexOf(number)];
  if (last !== null && from >= 0 && to >= 0) {
    const range = from <= to ? shown.slice(from, to + 1) : shown.slice(to, from + 1).reverse();
    return [...new Set([...chosen, ...range])];
  }
  return chosen.includes(number) ? chosen.filter((one) => one !== number) : [...chosen, number];
}

export function moved<T>(list: readonly T[], from: number, by: -1 | 1): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(Math.max(0, Math.min(list.length - 1, from + by)), 0, one);
  return next;
}

/** A worktree as a runner of its place told of it. */
export interface Worktree {
  hostname: string;
  /** The repository whose worktree it is. */
  repository: string;
  path: string;
  branch: string | null;
  uncommitted: number;
  unpushed: number;
  missing: boolean;
  half_made_for: string | null;
}

/** Whose a worktree is: that for which it is half made, else the newest whose place it is; null where nobody's is. */
export function ownerOf<S extends Session>(worktree: Worktree, sessions: Iterable<S>): S | null {
  let found: S | null = null;
  for (const one of sessions) {
    if (one.session_id === worktree.half_made_for) return one;
    const there = one.workspace?.hostname === worktree.hostname && one.workspace.path === worktree.path;
    if (there && (found === null || one.created_at > found.created_at)) found = one;
  }
  return found;
}
