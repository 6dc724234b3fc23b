// The form of how an issue is worked on as a task, as texts, and what of it is sent. Pure.
import type { SetTask, Task } from "../../api/schema";
import { checkName, readNumbers } from "./lifecycle";

export interface Ways {
  checks: string;
  maxIterations: string;
  dependsOn: string;
  context: string;
  milestone: string;
}

export const NO_WAYS: Ways = { checks: "", maxIterations: "", dependsOn: "", context: "", milestone: "" };

export function waysOf(task: Task | null): Ways {
  if (task === null) return NO_WAYS;
  return {
    checks: task.checks.map(checkName).join(", "), maxIterations: String(task.max_iterations), dependsOn: task.depends_on.join(", "),
    context: task.context, milestone: task.milestone_id ?? "",
  };
}

type Given = Omit<SetTask, "project_id" | "number">;

/** What differs from before, and what cannot be meant. A check that was given as text stays as it is unless it is taken out. */
export function givenBy(ways: Ways, before: Ways, task: Task | null): { given: Given; wrong: Partial<Record<keyof Ways, string>> } {
  const given: Given = {};
  const wrong: Partial<Record<keyof Ways, string>> = {};
  if (ways.checks !== before.checks) {
    const names = ways.checks.split(/[\s,]+/).filter(Boolean);
    const bad = names.find((name) => !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name));
    if (bad) wrong.checks = `${bad} is no name of a check.`;
    given.checks = names.map((name) => task?.checks.find((check) => checkName(check) === name) ?? name);
  }
  if (ways.maxIterations !== before.maxIterations) {
    const most = Number(ways.maxIterations || "10");
    if (!Number.isInteger(most) || most < 1 || most > 1000) wrong.maxIterations = "A number from 1 to 1000.";
    given.max_iterations = most;
  }
  if (ways.dependsOn !== before.dependsOn) {
    const words = ways.dependsOn.split(/[\s,]+/).filter(Boolean);
    given.depends_on = readNumbers(ways.dependsOn);
    if (given.depends_on.length !== words.length) wrong.dependsOn = "Numbers of issues, each once.";
  }
  if (ways.context !== before.context) given.context = ways.context === "persistent" ? "persistent" : "fresh";
  if (ways.milestone !== before.milestone) given.milestone_id = ways.milestone || null;
  return { given, wrong };
}
