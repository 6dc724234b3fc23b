// The one place that maps a state to its icon, its word and its colour: never colour alone. Pure.
import type { Group } from "../live/board";

export type Tone = "need" | "review" | "work" | "wait" | "good" | "bad";

export interface Look {
  icon: string;
  word: string;
  tone: Tone;
}

export const GROUP_LOOKS: Record<Group, Look & { empty: string }> = {
  needs_you: { icon: "!", word: "Needs you", tone: "need", empty: "Nobody waits for you." },
  ready_for_review: { icon: "◆", word: "Ready for review", tone: "review", empty: "Nothing to review." },
  working: { icon: "▶", word: "Working", tone: "work", empty: "No agent works now." },
  queued: { icon: "◷", word: "Queued", tone: "wait", empty: "Nothing waits for a runner." },
  done: { icon: "✓", word: "Done", tone: "good", empty: "Nothing has ended yet." },
};

const WAITING: Record<string, string> = {
  approval: "Needs approval", question: "Asks you", trust: "Needs trust", report: "Needs a report", budget: "Out of budget",
};

const STATUSES: Record<string, Look> = {
  pending: { icon: "◷", word: "Queued", tone: "wait" },
  running: { icon: "▶", word: "Working", tone: "work" },
  stopping: { icon: "◼", word: "Stopping", tone: "wait" },
  interrupted: { icon: "⚡", word: "Interrupted", tone: "need" },
  finished: { icon: "✓", word: "Finished", tone: "good" },
  failed: { icon: "✕", word: "Failed", tone: "bad" },
  stopped: { icon: "◼", word: "Stopped", tone: "wait" },
  claimed: { icon: "▶", word: "Starting", tone: "work" },
  completed: { icon: "✓", word: "Completed", tone: "good" },
};

export const RUNNER_LOOKS: Record<string, Look> = {
  online: { icon: "●", word: "Online", tone: "good" },
  draining: { icon: "◐", word: "Draining", tone: "wait" },
  lost: { icon: "○", word: "Lost", tone: "bad" },
};

const LIVE = new Set(["running", "stopping", "interrupted"]);

/** How a session looks: what it waits for outweighs what its run does. */
export function lookOf(session: { status: string; waiting_for?: string | null; lifecycle?: string | null }): Look {
  if (session.waiting_for) return { icon: "!", word: WAITING[session.waiting_for] ?? "Needs you", tone: "need" };
  if (session.lifecycle === "stuck") return { icon: "!", word: "Stuck", tone: "need" };
  if (session.lifecycle === "paused" && !LIVE.has(session.status)) return { icon: "‖", word: "Paused", tone: "wait" };
  return STATUSES[session.status] ?? { icon: "•", word: session.status, tone: "wait" };
}
