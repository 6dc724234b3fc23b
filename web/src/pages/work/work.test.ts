// A81: what the pages of work derive, apart from any page.
import { describe, expect, test } from "vitest";
import type { AgentListed, Issue, Project, Session, Task } from "../../api/schema";
import { agentsOf } from "./choice";
import { onlyHere, takesNoIssues, waitsFor } from "./hindrance";
import { branchOf, chosenAfter, COLUMNS, directoryOf, fitting, fittingWork, inColumn, LIFECYCLE_LOOKS, moved, ownerOf, readNumbers, type Worktree } from "./lifecycle";
import { givenBy, NO_WAYS, waysOf } from "./settings";

const issue = (number: number, title: string, body = "") => ({ number, title, body }) as Issue;
const session = (session_id: string, lifecycle: string, at: string, archived_at: string | null = null) =>
  ({ session_id, lifecycle, archived_at, created_at: at, work: { lifecycle_at: at } }) as Session;

describe("the board of work", () => {
  test("has every state that is shown in one column, and words for all", () => {
    const columns = COLUMNS.flatMap((column) => column.states);
    expect(new Set(columns).size).toBe(columns.length);
    expect(new Set([...columns, "deleted"])).toEqual(new Set(Object.keys(LIFECYCLE_LOOKS)));
  });

  test("shows who has stood longest first, of the ended the newest, and nothing that was put away", () => {
    const all = [session("b", "stuck", "2026-01-02"), session("a", "stuck", "2026-01-01"), session("c", "complete", "2026-01-01"),
      session("d", "cancelled", "2026-01-03"), session("e", "complete", "2026-01-04", "2026-01-05")];
    const names = (name: string) => inColumn(all, COLUMNS.find((column) => column.name === name)!).map((one) => one.session_id);
    expect([names("stuck"), names("ended"), names("paused")]).toEqual([["a", "b"], ["d", "c"], []]);
  });
});

describe("a worktree", () => {
  test("is that of the newest session whose place it was, or of the one for which it is half made", () => {
    const at = (session_id: string, created_at: string, hostname: string, path: string) => ({ ...session(session_id, "cancelled", created_at), workspace: { hostname, path } }) as Session;
    const all = [at("a", "1", "here", "/w/1"), at("b", "2", "here", "/w/1"), at("c", "3", "there", "/w/1"), { ...session("d", "cancelled", "4"), workspace: null }];
    const worktree = (path: string, half_made_for: string | null = null) => ({ hostname: "here", path, half_made_for }) as Worktree;
    expect([worktree("/w/1"), worktree("/w/2"), worktree("/w/1", "d")].map((one) => ownerOf(one, all)?.session_id)).toEqual(["b", undefined, "d"]);
  });
});

describe("choosing issues", () => {
  test("one changes alone, a range adds in the direction in which it was drawn", () => {
    const shown = [9, 7, 5, 3, 1];
    expect(chosenAfter([], shown, 7, null)).toEqual([7]);
    expect(chosenAfter([7, 5], shown, 7, null)).toEqual([5]);
    expect(chosenAfter([7], shown, 3, 7)).toEqual([7, 5, 3]);
    expect(chosenAfter([3], shown, 9, 3)).toEqual([3, 5, 7, 9]);
    expect(chosenAfter([7], shown, 3, 4)).toEqual([7, 3]);
  });

  test("the first names the branch, and is moved", () => {
    expect([branchOf([42]), branchOf([3, 2, 1])]).toEqual(["issue-42", "issues-3-2-1"]);
    expect([moved([1, 2, 3], 2, -1), moved([1, 2, 3], 0, -1)]).toEqual([[1, 3, 2], [1, 2, 3]]);
  });

  test("numbers are read from whatever stands in the address", () => {
    expect(readNumbers("3,1,#2 3 0 01 -4 x 9e9")).toEqual([3, 1, 2]);
  });

  test("words are sought in title, text and number", () => {
    const all = [issue(1, "Login is flaky", "on Mondays"), issue(12, "Use JWT")];
    const found = (words: string) => fitting(all, words).map((one) => one.number);
    expect([found("monday LOGIN"), found("#1"), found("jwt"), found("")]).toEqual([[1], [1], [12], [1, 12]]);
  });
});

describe("how an issue is worked on", () => {
  const task = { checks: ["test", { name: "own", argv: ["x"] }], max_iterations: 5, depends_on: [3], context: "fresh", milestone_id: null } as unknown as Task;

  test("only what was changed is sent, and a check in full stays so", () => {
    const before = waysOf(task);
    expect(givenBy(before, before, task)).toEqual({ given: {}, wrong: {} });
    const { given } = givenBy({ ...before, checks: "own, lint", dependsOn: "" }, before, task);
    expect(given).toEqual({ checks: [{ name: "own", argv: ["x"] }, "lint"], depends_on: [] });
    expect(givenBy({ ...NO_WAYS, milestone: "mst_1", context: "persistent" }, NO_WAYS, null).given).toEqual({ milestone_id: "mst_1", context: "persistent" });
  });

  test("what cannot be meant is said at its field", () => {
    const { wrong } = givenBy({ ...NO_WAYS, checks: "a b/c", maxIterations: "0", dependsOn: "3, x" }, NO_WAYS, null);
    expect(Object.keys(wrong).sort()).toEqual(["checks", "dependsOn", "maxIterations"]);
  });
});

describe("the filter of the board", () => {
  test("finds work by any of its issues, its agent and its guidance", () => {
    const work = (session_id: string, numbers: number[], agent_name: string, guidance: string | null) =>
      ({ session_id, agent_name, issues: numbers.map((number) => ({ number, title: `Title ${number}` })), work: { guidance } }) as unknown as Session;
    const all = [work("ses_a", [1, 12], "worker", "Use JWT"), work("ses_b", [2], "lead", null)];
    const found = (words: string) => fittingWork(all, words).map((one) => one.session_id);
    expect([found("#12"), found("#1"), found("title LEAD"), found("jwt"), found("")]).toEqual([["ses_a"], ["ses_a"], ["ses_b"], ["ses_a"], ["ses_a", "ses_b"]]);
  });

  test("names a worktree as the coordinator does", () => {
    const project = (worktree_prefix: string | null) => ({ settings: { worktree_prefix }, locations: [{ path: "/srv/web" }] }) as unknown as Project;
    expect([directoryOf(project(null), "issue-1"), directoryOf(project("w-"), "issue-1")]).toEqual(["web-issue-1", "w-issue-1"]);
  });
});

describe("what keeps work from being started", () => {
  const task = (number: number, depends_on: number[], outcome: string | null = null) => ({ number, depends_on, outcome }) as Task;
  const agent = (name: string, parameters_schema: Record<string, unknown> | null) => ({ name, parameters_schema, active: true, scope: "api", project_id: null, directory: null }) as AgentListed;

  test("is told before it is sent: what has not passed, but for what is done together", () => {
    const tasks = [task(5, [], "passed"), task(6, [5], "max_iterations"), task(7, [6, 5]), task(8, [6, 9])];
    expect(waitsFor([7], tasks)).toEqual({ sentence: "#7 depends on #6, which has not passed.", first: 6 });
    expect(waitsFor([8], tasks)?.sentence).toBe("#8 depends on #6, #9, which have not passed.");
    expect([waitsFor([6], tasks), waitsFor([6, 7], tasks), waitsFor([1], tasks)]).toEqual([null, null, null]);
  });

  test("an agent that takes parameters is not offered, and refused where it is the project's", () => {
    const agents = [agent("worker", null), agent("greet", { type: "object" })];
    expect(agentsOf({ locations: [] } as unknown as Project, agents).map((one) => one.name)).toEqual(["worker"]);
    expect(takesNoIssues("greet", agents)?.sentence).toBe("The agent greet takes parameters, and no issues: choose another one.");
    expect([takesNoIssues("worker", agents), takesNoIssues("unknown", agents), takesNoIssues(null, agents)]).toEqual([null, null, null]);
  });

  test("what would be lost with a worktree is named; commits stay with a branch that is kept", () => {
    const there = { uncommitted: true, uncommitted_paths: ["a", "b", "c", "d", "e", "f"], unpushed: 3, unpushed_titles: ["Fix it"] };
    expect(onlyHere(there, false)).toEqual(["Not committed: a, b, c, d, e, …", "3 commits: “Fix it”, …"]);
    expect(onlyHere({ ...there, uncommitted_paths: [], unpushed_titles: [] }, false)).toEqual(["Not committed.", "3 commits."]);
    expect(onlyHere({ ...there, uncommitted: false }, true)).toEqual([]);
  });
});
