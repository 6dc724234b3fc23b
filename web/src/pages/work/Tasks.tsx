// The tasks of a project: what works, what is left, what came of the others, each with its checks.
import { useMemo, useRef, useState } from "react";
import type { Project, Task } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { rowKeys } from "../../keyboard/rows";
import { Link } from "../../navigation";
import layout from "../../parts/layout.module.css";
import { Button, Loading, Trouble } from "../../parts/Parts";
import { workAddress } from "./address";
import { WorkActions, WorkDialogs } from "./Actions";
import { useIssue, useMilestones, useTasks, useWorkSessions, type WorkRow } from "./data";
import { IssueDialog } from "./IssueDialog";
import { isActive } from "./lifecycle";
import { SpawnDialog } from "./SpawnDialog";
import { useStarting } from "./starting";
import { Checks, TaskHead } from "./TaskParts";
import css from "./Work.module.css";

const RANK: Record<string, number> = { running: 0, planned: 1, ended: 2 };
const SHOWN = 100;

export function Tasks({ project, named }: { project: Project; named: string }) {
  const tasks = useTasks(project);
  const milestones = useMilestones(project);
  const { sessions } = useWorkSessions(project);
  const run = useStarting("run");
  const [edit, setEdit] = useState<number | null>(null);
  const [shown, setShown] = useState(SHOWN);
  const list = useRef<HTMLUListElement>(null);
  useKeys(useMemo(() => rowKeys(list, "Tasks", "task"), []));
  const sorted = useMemo(() => [...(tasks.data ?? [])].sort((one, other) => (RANK[one.status] ?? 1) - (RANK[other.status] ?? 1) || other.number - one.number), [tasks.data]);
  const numbers = new Map((milestones.data ?? []).map((one) => [one.milestone_id, one.number]));
  const active = (task: Task) => {
    const session = task.session_id ? sessions.get(task.session_id) : undefined;
    return session && isActive(session) ? session : null;
  };
  if (tasks.data === undefined) return tasks.error ? <Trouble problem={tasks.error} again={() => void tasks.refetch()} /> : <Loading what="the tasks" />;
  const wanted = tasks.data.find((one) => String(one.number) === run.what);
  return (
    <>
      {sorted.length === 0 ? <FirstTask named={named} /> : (
        <ul ref={list} className={layout.box} aria-label="Tasks">
          {sorted.slice(0, shown).map((task) => (
            <li key={task.task_id} className={css.task}>
              <TaskHead task={task} named={named} milestone={task.milestone_id ? numbers.get(task.milestone_id) : undefined} />
              <Checks task={task} ofProject={project.settings.checks ?? []} />
              {active(task) !== null ? <Led session={active(task)} /> : task.status !== "running" && (
                <div className={css.actions}>
                  <Button className={css.small} onClick={() => run.open(String(task.number))} >{task.status === "ended" ? "Run again …" : "Run …"}<span className="unseen"> #{task.number}</span></Button>
                  <Button look="quiet" className={css.small} onClick={() => setEdit(task.number)} >Settings<span className="unseen"> of #{task.number}</span></Button>
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {sorted.length > shown && <div><Button look="quiet" onClick={() => setShown(shown * 4)}>{sorted.length - shown} more</Button></div>}
      {wanted && <SpawnDialog project={project} what={{ kind: "task", number: wanted.number }} onSent={run.sent} onOrder={() => run.follow(run.what)} onClose={run.close} />}
      <WorkDialogs sessions={sessions} />
      {edit !== null && <EditIssue project={project} number={edit} task={taskOf(tasks.data, edit)} onClose={() => setEdit(null)} />}
    </>
  );
}

/** What is at work, or stuck, is led; it is not run beside that. */
function Led({ session }: { session: WorkRow | null }) {
  return session && <WorkActions session={session} small />;
}

function EditIssue({ project, number, task, onClose }: { project: Project; number: number; task: Task | null; onClose: () => void }) {
  const issue = useIssue(project, number);
  return issue.data ? <IssueDialog project={project} issue={issue.data} task={task} onClose={onClose} /> : null;
}

export function taskOf(tasks: readonly Task[] | undefined, number: number): Task | null {
  return tasks?.find((one) => one.number === number) ?? null;
}

function FirstTask({ named }: { named: string }) {
  return (
    <div className={layout.first}>
      <h2>No issue is a task yet</h2>
      <p>A task is an issue that an agent works on until its checks pass: after each run they are executed, and what fails stands in the next prompt. Open an <Link to={workAddress(named)}>issue</Link> and run it as a task, or:</p>
      <pre tabIndex={0}><code>{"callboard task set 1 --check test\ncallboard task run 1"}</code></pre>
    </div>
  );
}
