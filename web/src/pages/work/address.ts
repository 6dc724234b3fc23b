// Where the pages of a project are.
import { WORK } from "../../routes";

/** The pages of a project, each with its word. */
export const TABS = [["", "Issues"], ["board", "Board"], ["tasks", "Tasks"], ["milestones", "Milestones"], ["worktrees", "Worktrees"]] as const;

/** The address of a page of a project. */
export function workAddress(project: string, tab = "", number: number | null = null): string {
  return `${WORK}/${encodeURIComponent(project)}${tab || number !== null ? `/${tab || "issues"}` : ""}${number === null ? "" : `/${number}`}`;
}
