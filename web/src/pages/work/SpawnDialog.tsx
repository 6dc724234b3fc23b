// Starts work: chosen issues in their order, as a task, or a milestone. What is taken already is said at the issue before
// anything is sent, and what will be made is looked at by a runner; the refusal of who was too late stands at the issue.
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";
import { call, newKey, Problem } from "../../api/client";
import type { Issue, Milestone, Project } from "../../api/schema";
import { useQueryParameter } from "../../navigation";
import { useAttempt } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { useAgents } from "../Agents";
import { bodyOf, NO_CHOICE, wrongWith, type Choice } from "./choice";
import { ChoiceFields } from "./ChoiceFields";
import { ChosenIssues, type Taken } from "./ChosenIssues";
import { runnersOf, untilAnswered, useOffered, useTasks, useWorkSessions, workKey } from "./data";
import { takesNoIssues, waitsFor, type Hindrance } from "./hindrance";
import { branchOf, directoryOf } from "./lifecycle";
import { Preparation, type Sent } from "./Preparation";
import { isOpen, Preview, useLook } from "./Preview";
import css from "./Work.module.css";

export type What =
  | { kind: "spawn"; numbers: readonly number[] }
  | { kind: "task"; number: number }
  | { kind: "milestone"; milestone: Milestone };

const MOST = 20;
const NOBODY: ReadonlyMap<number, Taken> = new Map();

interface Props {
  project: Project;
  what: What;
  onClose: () => void;
  onSent?: () => void;
  /** The issues are others now, or in another order. */
  onOrder?: (order: readonly number[]) => void;
}

export function SpawnDialog({ project, what, onClose, onSent, onOrder }: Props) {
  const queries = useQueryClient();
  const [order, setOrder] = useState<readonly number[]>(() => numbersOf(what));
  const [branch] = useQueryParameter("branch");
  const [choice, setChoice] = useState<Choice>(() => (branch === "reuse" ? { ...NO_CHOICE, branch } : NO_CHOICE));
  const [sent, setSent] = useState<Sent | null>(null);
  const key = useRef(newKey());
  const changed = <T,>(set: (value: T) => void) => (value: T) => {
    key.current = newKey();
    send.forget();
    set(value);
  };
  const send = useAttempt(async () => {
    try {
      setSent(await untilAnswered(() => sendOff(project.project_id, what, order, choice, key.current)));
      onSent?.();
    } catch (error) {
      if (error instanceof Problem && error.status > 0) key.current = newKey();
      throw error;
    } finally {
      void queries.invalidateQueries({ queryKey: workKey(project.project_id) });
    }
  });
  const issues = useChosen(project, order);
  const held = useTaken(project, order, issues, send.problem);
  // While it is sent, what takes them may be this.
  const taken = send.busy ? NOBODY : held;
  const nobody = runnersOf(project).length === 0;
  const hindrance = useHindrance(project, what, order, choice);
  const possible = order.length > 0 && order.length <= MOST && taken.size === 0 && hindrance === null;
  const offered = useOffered(project, choice.host);
  const wrong = wrongWith(choice);
  const isMilestone = what.kind === "milestone";
  // A milestone's branch has a name that no look knows: whether issues and base are there is looked at all the same.
  const asked = isMilestone ? { ...bodyOf(choice), reuse_branch: false, new_branch: true } : bodyOf(choice);
  const look = useLook(project, order, asked, sent === null && possible && !nobody && Object.keys(wrong).length === 0);
  const named = isMilestone ? `milestone-${what.milestone.number}` : (look.prepared?.branch ?? look.spawned?.branch ?? branchOf(order));
  const go = () => {
    if (possible && isOpen(look) && Object.keys(wrong).length === 0) void send.run();
  };
  if (sent) return <Dialog wide title={`Work on ${told(order)}`} onClose={onClose}><Preparation sent={sent} onAgain={() => { setSent(null); onOrder?.(order); }} onClose={onClose} /></Dialog>;
  return (
    <Dialog wide title={titleOf(what)} onClose={onClose}>
      <form className={layout.form} noValidate onSubmit={(event) => { event.preventDefault(); go(); }}
        onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go(); } }}>
        {what.kind !== "spawn" && <p className={layout.hint}>{aboutTasks(what)}</p>}
        <ChosenIssues order={order} issues={issues} taken={taken} fixed={what.kind !== "spawn"} onChange={changed((next: readonly number[]) => { setOrder(next); onOrder?.(next); })} />
        {order.length > MOST && <p className={layout.wrong} role="alert">{order.length} issues: at most {MOST} are worked on together.</p>}
        <div data-first className={css.first}><ChoiceFields project={project} choice={choice} wrong={wrong} onChange={changed(setChoice)} executor={look.spawned?.executor_type ?? ""} /></div>
        {order.length > 0 && (
          <Preview project={project} look={look} named={isMilestone} names={{ handle: String(order[0]), branch: named, directory: directoryOf(project, named) }} hindrance={hindrance} nobody={nobody} offered={offered}
            onReuse={() => changed(setChoice)({ ...choice, branch: "reuse" })} onNew={() => changed(setChoice)({ ...choice, branch: "new" })}
            onAccept={(accepted) => changed(setChoice)({ ...choice, accepted: { ...choice.accepted, ...accepted } })} />
        )}
        {send.problem && <Trouble problem={send.problem} />}
        <div className={`${css.foot} ${css.sends}`}>
          <Button type="submit" look="primary" title="Ctrl+Enter" disabled={send.busy || !possible || !isOpen(look) || Object.keys(wrong).length > 0}>
            {send.busy ? "Being reserved …" : order.length === 0 ? "Start work" : `Start ${what.kind === "task" ? "the task " : ""}${told(order.slice(0, 5))}${order.length > 5 ? " …" : ""} on ${named}`}
          </Button>
          <Button look="quiet" onClick={onClose}>Cancel</Button>
          {hindrance && <span className={layout.wrong}>{inert(hindrance.sentence)}</span>}
          {taken.size > 0 && <span className={layout.wrong}>{taken.size === 1 ? "One of these is" : `${taken.size} of these are`} being worked on already.</span>}
        </div>
      </form>
    </Dialog>
  );
}

/** Tasks wait for what they depend on, also when the page was opened long ago; a spawn of issues does not. */
function useHindrance(project: Project, what: What, order: readonly number[], choice: Choice): Hindrance | null {
  const tasks = useTasks(project);
  const agents = useAgents();
  const waits = what.kind === "spawn" ? null : waitsFor(order, tasks.data ?? []);
  return waits ?? takesNoIssues(choice.agent || project.settings.agent_name, agents.data ?? []);
}

function told(numbers: readonly number[]): string {
  return numbers.map((number) => `#${number}`).join(", ");
}

function titleOf(what: What): string {
  if (what.kind === "spawn") return "Start work";
  return what.kind === "task" ? `Run #${what.number} until its checks pass` : `Start milestone ${what.milestone.number}`;
}

function aboutTasks(what: What): string {
  if (what.kind === "milestone") return "Its open tasks are done in this order, in one session and one worktree; one that does not pass takes along only those that need it.";
  return "After each run its checks are executed; what fails stands in the next prompt, until all pass or its iterations are used up.";
}

function numbersOf(what: What): readonly number[] {
  if (what.kind === "spawn") return what.numbers;
  return what.kind === "task" ? [what.number] : what.milestone.tasks.filter((task) => task.outcome !== "passed").map((task) => task.number);
}

async function sendOff(project_id: string, what: What, order: readonly number[], choice: Choice, idempotencyKey: string): Promise<Sent> {
  const body = bodyOf(choice);
  if (what.kind === "spawn") {
    const made = await call("POST /projects/{project_id}/spawn", { path: { project_id }, body: { issues: [...order], ...body }, idempotencyKey });
    return { ...made, session_id: made.session_id ?? "" };
  }
  if (what.kind === "milestone") return call("POST /milestones/{milestone_id}/start", { path: { milestone_id: what.milestone.milestone_id }, body, idempotencyKey });
  return call("POST /tasks/run", { body: { task: { project_id, number: what.number }, ...body }, idempotencyKey });
}

/** The issues as they are now, each read again when work of the project moves. */
function useChosen(project: Project, numbers: readonly number[]): ReadonlyMap<number, Issue> {
  const found = useQueries({
    queries: numbers.slice(0, MOST).map((number) => ({
      queryKey: [...workKey(project.project_id), "moves", "issue", number],
      queryFn: () => call("GET /projects/{project_id}/issues/{number}", { path: { project_id: project.project_id, number } }),
    })),
  });
  return new Map(found.flatMap((one) => (one.data ? [[one.data.number, one.data] as const] : [])));
}

/** Which of them are in an active session: as it is now, and of issues that are not known here as the refusal said. */
function useTaken(project: Project, order: readonly number[], issues: ReadonlyMap<number, Issue>, refusal: Problem | null): ReadonlyMap<number, Taken> {
  const { sessions } = useWorkSessions(project);
  return useMemo(() => {
    const found = new Map<number, Taken>();
    for (const one of refusal?.code === "issue_conflict" ? refusal.errors : []) {
      const number = Number(one.issue);
      if (order.includes(number)) found.set(number, { session_id: String(one.session_id), title: null, lifecycle: String(one.lifecycle) });
    }
    for (const number of order) {
      const session_id = issues.get(number)?.session_id;
      const session = session_id ? sessions.get(session_id) : undefined;
      if (session_id) found.set(number, { session_id, title: session?.title ?? null, lifecycle: session?.lifecycle ?? found.get(number)?.lifecycle ?? null });
    }
    return found;
  }, [order, issues, sessions, refusal]);
}
