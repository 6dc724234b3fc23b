// What the checks of the latest run of work said, as a chip: icon, word and colour, with the names of those that failed.
import type { WorkChecks } from "../api/schema";
import { inert } from "./inert";
import { State } from "./Parts";
import type { Look } from "./states";

const NAMED = 2;

function lookOf({ state, failing }: WorkChecks): Look {
  if (state === "passed") return { icon: "✓", word: "checks passed", tone: "good" };
  if (state === "running") return { icon: "◷", word: "checks to come", tone: "wait" };
  const names = failing.slice(0, NAMED).map(inert).join(", ");
  return { icon: "✕", word: `${names}${failing.length > NAMED ? ` and ${failing.length - NAMED} more` : ""} failed`, tone: "bad" };
}

function sentenceOf({ state, failing }: WorkChecks): string {
  if (state === "passed") return "What its latest run left behind passed its checks.";
  return state === "running" ? "Its checks judge the run when it has ended." : `Checks that failed after its latest run: ${failing.map(inert).join(", ")}`;
}

export function ChecksChip({ work }: { work: { checks: WorkChecks | null } | null }) {
  const checks = work?.checks;
  return checks ? <span title={sentenceOf(checks)} style={{ minWidth: 0, maxWidth: "100%", overflow: "hidden" }}><State look={lookOf(checks)} /></span> : null;
}

/** The colour of what stands beside it, as its branch: never alone. */
export function toneOfChecks(work: { checks: WorkChecks | null } | null): "" | "good" | "bad" {
  const state = work?.checks?.state;
  return state === "passed" ? "good" : state === "failed" ? "bad" : "";
}
