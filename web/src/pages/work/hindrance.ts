// What keeps work from being started that is known before anything is asked or sent: what an issue waits for, and an agent
// that takes parameters. Pure.
import type { AgentListed, DiffText, Task } from "../../api/schema";

/** So many paths are shown; the coordinator names one more where there are more. */
const MOST_NAMED = 5;

export interface Hindrance {
  sentence: string;
  /** The issue that has to pass first. */
  first: number | null;
}

type Waiting = Pick<Task, "number" | "depends_on" | "outcome">;

/** Why these cannot be begun as tasks: something outside of them has not passed that one of them needs. */
export function waitsFor(numbers: readonly number[], tasks: readonly Waiting[]): Hindrance | null {
  const together = new Set(numbers);
  for (const number of numbers) {
    const needed = tasks.find((one) => one.number === number)?.depends_on ?? [];
    const missing = needed.filter((one) => !together.has(one) && tasks.find((task) => task.number === one)?.outcome !== "passed");
    if (missing.length > 0) return { sentence: `#${number} depends on ${missing.map((one) => `#${one}`).join(", ")}, which ${missing.length === 1 ? "has" : "have"} not passed.`, first: missing[0] ?? null };
  }
  return null;
}

/** Why this agent cannot work on issues; of a name that is not known nothing is said. */
export function takesNoIssues(name: string | null | undefined, agents: readonly Pick<AgentListed, "name" | "parameters_schema">[]): Hindrance | null {
  const takes = name ? agents.some((one) => one.name === name) && agents.filter((one) => one.name === name).every((one) => one.parameters_schema !== null) : false;
  return takes ? { sentence: `The agent ${name} takes parameters, and no issues: choose another one.`, first: null } : null;
}

type There = Pick<DiffText, "uncommitted" | "unpushed" | "uncommitted_paths" | "unpushed_titles">;

/** What of a worktree is nowhere else, each in words; with its branch kept its commits are. */
export function onlyHere(there: There, keepBranch: boolean): string[] {
  const found: string[] = [];
  const paths = there.uncommitted_paths ?? [];
  const titles = (there.unpushed_titles ?? []).map((title) => `“${title}”`);
  if (there.uncommitted) found.push(`Not committed${paths.length > 0 ? `: ${paths.slice(0, MOST_NAMED).join(", ")}${paths.length > MOST_NAMED ? ", …" : ""}` : "."}`);
  if (there.unpushed > 0 && !keepBranch) {
    found.push(`${there.unpushed} ${there.unpushed === 1 ? "commit" : "commits"}${titles.length > 0 ? `: ${titles.join(", ")}${there.unpushed > titles.length ? ", …" : ""}` : "."}`);
  }
  return found;
}
