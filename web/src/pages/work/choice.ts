// With what work is done: the fields of the dialog that starts it, as texts, and what of them is sent. Pure.
import type { AgentListed, Project, RunTask } from "../../api/schema";

export interface Choice {
  agent: string;
  executor: string;
  base: string;
  /** A branch of the name that is there already: refused, gone on with, or the next free name taken. */
  branch: "" | "reuse" | "new";
  host: string;
  model: string;
  mode: string;
  dollars: string;
  /** Texts of strangers that somebody has read, by the number of the issue: their hashes. */
  accepted: Readonly<Record<string, string>>;
}

export const NO_CHOICE: Choice = { agent: "", executor: "", base: "", branch: "", host: "", model: "", mode: "", dollars: "", accepted: {} };

export function bodyOf(choice: Choice): RunTask {
  const dollars = Number(choice.dollars);
  return {
    ...(choice.agent ? { agent_name: choice.agent } : {}),
    ...(choice.executor ? { executor_type: choice.executor } : {}),
    ...(choice.base.trim() ? { base_branch: choice.base.trim() } : {}),
    ...(choice.branch === "reuse" ? { reuse_branch: true } : choice.branch === "new" ? { new_branch: true } : {}),
    ...(choice.host ? { hostname: choice.host } : {}),
    ...(choice.model.trim() ? { model: choice.model.trim() } : {}),
    ...(choice.mode ? { permission_mode: choice.mode as RunTask["permission_mode"] } : {}),
    ...(Object.keys(choice.accepted).length > 0 ? { accept_text: { ...choice.accepted } } : {}),
    ...(choice.dollars.trim() ? { limits: { budget_microdollars: Math.round(dollars * 1_000_000) } } : {}),
  };
}

export function wrongWith(choice: Choice): Partial<Record<keyof Choice, string>> {
  const dollars = choice.dollars.trim();
  return dollars && !(Number(dollars) > 0) ? { dollars: "A number of dollars: 2.50." } : {};
}

/** The agents that may work there: everybody's, and those of files in a place of the project; issues are no parameters. */
export function agentsOf(project: Project, agents: readonly AgentListed[]): AgentListed[] {
  const below = (directory: string) => project.locations.some((place) => place.path === directory || place.path.startsWith(`${directory}/`));
  const found = agents.filter((agent) => agent.active && agent.project_id !== null ? agent.project_id === project.project_id : agent.scope !== "project" || (agent.directory !== null && below(agent.directory)));
  return found.filter((agent, index) => agent.active && agent.parameters_schema === null && found.findIndex((other) => other.name === agent.name) === index);
}

/** What an unsaid agent or executor becomes, in words. */
export function byDefault(named: string | null | undefined, otherwise: string): string {
  return named ? `the project's: ${named}` : otherwise;
}
