// One issue: its text, how it is worked on as a task, what works or has worked on it, and how work on it is begun.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { call, Problem } from "../../api/client";
import type { Issue, Project, Task } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { go, Link } from "../../navigation";
import { useAction } from "../../parts/actions";
import { nameOf } from "../../parts/format";
import { ChecksChip } from "../../parts/Checks";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Markdown } from "../../parts/Markdown";
import { Age, Button, Loading, Money, State, Trouble } from "../../parts/Parts";
import { workAddress } from "./address";
import { WorkActions, WorkDialogs } from "./Actions";
import { useIssue, useMilestones, useTasks, useWorkSessions, workKey, type WorkRow } from "./data";
import { IssueDialog } from "./IssueDialog";
import { opened } from "./Issues";
import { checkName, isActive, lifecycleLook, numbersOf, taskLook } from "./lifecycle";
import { SpawnDialog } from "./SpawnDialog";
import { useStarting } from "./starting";
import { Checks } from "./TaskParts";
import { taskOf } from "./Tasks";
import css from "./Work.module.css";

export function OneIssue({ project, named, number }: { project: Project; named: string; number: number }) {
  const issue = useIssue(project, number);
  const tasks = useTasks(project);
  const { sessions } = useWorkSessions(project);
  const start = useStarting("start");
  const { open } = start;
  const [editing, setEditing] = useState(false);
  const task = taskOf(tasks.data, number);
  useEffect(() => { opened.number = number; }, [number]);
  useKeys(useMemo(() => [
    { keys: "s", does: "Start work on it", where: "Issue", run: () => open("spawn") },
    { keys: "t", does: "Run it as a task", where: "Issue", run: () => open("task") },
    { keys: "e", does: "Edit it", where: "Issue", run: () => setEditing(true) },
    { keys: "u", does: "Back to the issues", where: "Issue", run: () => go(workAddress(named)) },
  ], [named, open]));
  const found = issue.data;
  if (found === undefined) {
    const missing = issue.error instanceof Problem && issue.error.status === 404;
    return issue.error ? <Trouble whole problem={issue.error} {...(missing ? {} : { again: () => void issue.refetch() })} /> : <Loading what="the issue" />;
  }
  const own = [...sessions.values()].filter((one) => numbersOf(one).includes(number)).sort((one, other) => (one.session_id < other.session_id ? 1 : -1));
  return (
    <>
      <div className={layout.head}>
        <State look={found.state === "open" ? { icon: "○", word: "Open", tone: "good" } : { icon: "✓", word: "Closed", tone: "wait" }} />
        <h1 dir="auto"><span className={layout.soft}>#{number}</span> {inert(found.title) || `Issue ${number}`}</h1>
        <Starts project={project} issue={found} passed={task?.outcome === "passed"} holder={own.find(isActive)} onStart={open} onEdit={() => setEditing(true)} />
      </div>
      <div className={css.two}>
        <div className={css.column}>
          <section className={layout.card} aria-label="Text">
            {found.body ? <Markdown text={found.body} /> : <p className={layout.soft}>It has no text: the agent is told the title alone.</p>}
          </section>
          <Sessions own={own} />
        </div>
        <TaskCard project={project} named={named} task={task} onEdit={() => setEditing(true)} issue={found} />
      </div>
      <WorkDialogs sessions={sessions} />
      {editing && <IssueDialog project={project} issue={found} task={task} onClose={() => setEditing(false)} />}
      {start.what && <SpawnDialog project={project} what={start.what === "task" ? { kind: "task", number } : { kind: "spawn", numbers: [number] }} onSent={start.sent} onOrder={() => start.follow(start.what)} onClose={start.close} />}
    </>
  );
}

function Starts({ project, issue, passed, holder, onStart, onEdit }: { project: Project; issue: Issue; passed: boolean; holder: WorkRow | undefined; onStart: (what: string) => void; onEdit: () => void }) {
  const queries = useQueryClient();
  const [turn, turning] = useAction(async () => {
    const state = issue.state === "open" ? "closed" : "open";
    await call("PATCH /projects/{project_id}/issues/{number}", { path: { project_id: project.project_id, number: issue.number }, body: { state } });
    await queries.invalidateQueries({ queryKey: workKey(project.project_id) });
    void queries.invalidateQueries({ queryKey: ["work", "project"] });
    return state === "closed" ? `#${issue.number} is closed.` : `#${issue.number} is open again.`;
  });
  const isOurs = project.tracker === "local";
  // What has passed is not begun anew as a rule: it is left to a person to close it.
  const closes = isOurs && passed && issue.state === "open";
  return (
    <span className={css.actions}>
      {closes && <Button look="primary" disabled={turning} onClick={() => void turn()}>Close the issue</Button>}
      {holder || issue.session_id ? (
        <Link to={`/sessions/${holder?.session_id ?? issue.session_id}`} className={css.button}>Open its session</Link>
      ) : (
        <>
          <Button look={closes ? "plain" : "primary"} onClick={() => onStart("spawn")}>Start work …</Button>
          <Button onClick={() => onStart("task")}>Run as task …</Button>
        </>
      )}
      {isOurs ? <Button onClick={onEdit}>Edit</Button> : <Elsewhere project={project} number={issue.number} />}
      {isOurs && !closes && <Button look="quiet" disabled={turning} onClick={() => void turn()}>{issue.state === "open" ? "Close" : "Open again"}</Button>}
    </span>
  );
}

/** The issue where it is kept, if the remote says where that is. */
function Elsewhere({ project, number }: { project: Project; number: number }) {
  const place = /^https:\/\/([\w.-]+\/[\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(project.remote_url ?? "")?.[1];
  return place ? <a href={`https://${place}/issues/${number}`} target="_blank" rel="noreferrer noopener nofollow">On {project.tracker}</a> : null;
}

function Sessions({ own }: { own: readonly WorkRow[] }) {
  return (
    <section className={layout.card} aria-labelledby="sessions">
      <h2 id="sessions">Sessions on it</h2>
      {own.length === 0 ? <p className={layout.soft}>Nobody has worked on it yet.</p> : (
        <ul className={css.column} style={{ gap: 6 }}>
          {own.map((one) => (
            <li key={one.session_id} className={layout.line}>
              <State look={lifecycleLook(one.lifecycle)} />
              <Link to={`/sessions/${one.session_id}`} dir="auto">{nameOf(one)}</Link>
              {isActive(one) && <strong className={layout.small}>holds it</strong>}
              {one.workspace?.branch && <code className={layout.small}>{inert(one.workspace.branch)}</code>}
              <ChecksChip work={one.work} />
              <span className={`${layout.end} ${layout.soft} ${layout.small}`}><Money usage={one.usage} /> · <Age at={one.created_at} after=" ago" /></span>
              {isActive(one) && <span className={css.full}><WorkActions session={one} small /></span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function TaskCard({ project, named, task, issue, onEdit }: { project: Project; named: string; task: Task | null; issue: Issue; onEdit: () => void }) {
  const milestones = useMilestones(project);
  const milestone = milestones.data?.find((one) => one.milestone_id === (task?.milestone_id ?? issue.milestone_id));
  const busy = task?.status === "running";
  return (
    <section className={layout.card} aria-labelledby="as-task">
      <div className={layout.line}>
        <h2 id="as-task">As a task</h2>
        {task && <State look={taskLook(task)} />}
        {!busy && <Button look="quiet" className={`${css.small} ${layout.end}`} onClick={onEdit}>{task ? "Change" : "Say how"}</Button>}
      </div>
      {task === null ? <p className={layout.soft}>Run as a task it is worked on until its checks pass{(project.settings.checks ?? []).length > 0 && `: ${(project.settings.checks ?? []).map(inert).join(", ")}, as the project says`}.</p> : (
        <>
          <dl className={layout.facts}>
            <dt>Checks</dt><dd>{task.checks.length > 0 ? task.checks.map(checkName).map(inert).join(", ") : "those of the project"}</dd>
            <dt>Iterations</dt><dd>{task.iteration} of {task.max_iterations}</dd>
            <dt>Depends on</dt><dd>{task.depends_on.length === 0 ? "nothing" : task.depends_on.map((one) => <Link key={one} to={workAddress(named, "issues", one)}>#{one} </Link>)}</dd>
            <dt>Context</dt><dd>{task.context}</dd>
            {milestone && <><dt>Milestone</dt><dd><Link to={workAddress(named, "milestones", milestone.number)}>{milestone.number} {inert(milestone.title)}</Link></dd></>}
          </dl>
          <Checks task={task} ofProject={project.settings.checks ?? []} />
        </>
      )}
    </section>
  );
}
