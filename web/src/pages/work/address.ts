// Where the pages of a project are.
import { WORK } from "../../routes";

/** The address of a page of a project. */
export function workAddress(project: string, tab = "", number: number | null = null): string {
  return `${WORK}/${encodeURIComponent(project)}${tab || number !== null ? `/${tab || "issues"}` : ""}${number === null ? "" : `/${number}`}`;
}
