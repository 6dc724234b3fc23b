// One milestone: its tasks in their order with what came of each, its start, and its end with the summary.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, newKey } from "../../api/client";
import type { Milestone, Project, Task } from "../../api/schema";
import { Link } from "../../navigation";
import { useAction, useAttempt } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Markdown } from "../../parts/Markdown";
import { Age, Button, Dialog, Loading, State, Trouble } from "../../parts/Parts";
import { TextField } from "../agents/Fields";
import { workAddress } from "./address";
import { WorkActions, WorkDialogs } from "./Actions";
import { readAgain, useIssues, useMilestones, useWorkSessions } from "./data";
import { isActive, lifecycleLook } from "./lifecycle";
import { isWorkedOff, milestoneLook, Progress } from "./Milestones";
import { SpawnDialog } from "./SpawnDialog";
import { useStarting } from "./starting";
import { Checks, TaskHead } from "./TaskParts";
import { ToMilestone } from "./ToMilestone";
import css from "./Work.module.css";

const GONE = new Set(["cancelled", "deleted"]);
const HALTED = new Set(["stuck", "paused"]);

export function OneMilestone({ project, named, number }: { project: Project; named: string; number: number }) {
  const milestones = useMilestones(project);
  const { sessions } = useWorkSessions(project);
  const start = useStarting("start");
  const again = useStarting("run");
  const [ending, setEnding] = useState(false);
  const [adding, setAdding] = useState(false);
  const found = milestones.data?.find((one) => one.number === number);
  if (milestones.data === undefined) return milestones.error ? <Trouble whole problem={milestones.error} again={() => void milestones.refetch()} /> : <Loading what="the milestone" />;
  if (!found) return <><h1>The project has no milestone {number}.</h1><p><Link to={workAddress(named, "milestones")}>Its milestones</Link></p></>;
  const session = found.session_id ? sessions.get(found.session_id) : undefined;
  // One whose session came to nothing is started anew.
  const startable = found.state === "planned" || (found.state === "active" && session !== undefined && GONE.has(session.lifecycle ?? ""));
  // Come through, and its session takes one task after another.
  const idle = found.state === "active" && session !== undefined && isActive(session) && !HALTED.has(session.lifecycle ?? "") && isWorkedOff(found);
  const wanted = found.tasks.find((task) => String(task.number) === again.what);
  const left = found.tasks.some((task) => task.outcome !== "passed");
  return (
    <>
      <div className={layout.head}>
        <State look={milestoneLook(found)} />
        <h1 dir="auto"><span className={layout.soft}>{found.number}</span> {inert(found.title)}</h1>
        <span className={css.actions}>
          {found.state === "planned" && <Button onClick={() => setAdding(true)}>Add issues …</Button>}
          {startable && left && <Button look="primary" onClick={() => start.open("1")}>Start …</Button>}
          {found.state === "active" && !startable && <Button {...(idle ? { look: "primary" } : {})} onClick={() => setEnding(true)}>End …</Button>}
        </span>
      </div>
      {session && (
        <div className={layout.line}>
          <Link to={`/sessions/${session.session_id}`}>Its session</Link>{!idle && <State look={lifecycleLook(session.lifecycle)} />}
          {found.started_at && <span className={layout.soft}>started <Age at={found.started_at} after=" ago" /></span>}
          {isActive(session) && <WorkActions session={session} small />}
          {session.lifecycle === "stuck" && session.work?.stuck_reason && <span className={layout.bad}>{inert(session.work.stuck_reason)}</span>}
        </div>
      )}
      {idle && <p role="status"><strong>Nothing of it is left to do: it waits for you to end it.</strong>{left && " What did not pass can be tried again before."}</p>}
      <StillOpen project={project} milestone={found} />
      {found.summary && <section className={layout.card} aria-labelledby="summary"><h2 id="summary">Summary</h2><Markdown text={found.summary} /></section>}
      <section className={layout.card} aria-labelledby="tasks">
        <h2 id="tasks">Tasks, in their order</h2>
        <Progress milestone={found} />
        {found.tasks.length === 0 ? <p className={layout.soft}>It has none yet. Choose <Link to={workAddress(named)}>issues</Link> and put them into it.</p> : (
          <ol className={layout.box} style={{ boxShadow: "none" }}>
            {found.tasks.map((task) => (
              <li key={task.task_id} className={css.task}>
                <TaskHead task={task} named={named} within />
                <Checks task={task} ofProject={project.settings.checks ?? []} />
                {idle && task.outcome !== null && task.outcome !== "passed" && <TryAgain task={task} />}
                {found.state === "ended" && task.outcome !== "passed" && task.status !== "running" && (
                  <div><Button className={css.small} onClick={() => again.open(String(task.number))}>Run again …<span className="unseen"> #{task.number}</span></Button></div>
                )}
              </li>
            ))}
          </ol>
        )}
      </section>
      {start.what && <SpawnDialog project={project} what={{ kind: "milestone", milestone: found }} onSent={start.sent} onOrder={() => start.follow(start.what)} onClose={start.close} />}
      {wanted && <SpawnDialog project={project} what={{ kind: "task", number: wanted.number }} onSent={again.sent} onOrder={() => again.follow(again.what)} onClose={again.close} />}
      <WorkDialogs sessions={sessions} />
      {adding && <ToMilestone project={project} named={named} numbers={[]} milestone={found} onClose={() => setAdding(false)} />}
      {ending && <EndDialog milestone={found} onClose={() => setEnding(false)} />}
    </>
  );
}

/** Issues whose tasks have passed are closed by a person: here all at once, where they are kept here. */
function StillOpen({ project, milestone }: { project: Project; milestone: Milestone }) {
  const issues = useIssues(project);
  const queries = useQueryClient();
  const passed = new Set(milestone.tasks.filter((task) => task.outcome === "passed").map((task) => task.number));
  const left = (issues.data ?? []).filter((issue) => passed.has(issue.number));
  const [close, closing] = useAction(async () => {
    for (const { number } of left) await call("PATCH /projects/{project_id}/issues/{number}", { path: { project_id: project.project_id, number }, body: { state: "closed" } });
    await queries.invalidateQueries({ queryKey: ["work"] });
    return left.length === 1 ? "The issue is closed." : `${left.length} issues are closed.`;
  });
  if (project.tracker !== "local" || left.length === 0 || milestone.state === "planned") return null;
  return (
    <p className={layout.line}>
      <span className={layout.soft}>{left.length === 1 ? "1 issue that has passed is" : `${left.length} issues that have passed are`} still open.</span>
      <Button className={css.small} disabled={closing} onClick={() => void close()}>{left.length === 1 ? "Close it" : "Close them"}</Button>
    </p>
  );
}

function TryAgain({ task }: { task: Task }) {
  const queries = useQueryClient();
  const [run, running] = useAction(async () => {
    await call("POST /tasks/{task_id}/run", { path: { task_id: task.task_id }, body: {}, idempotencyKey: newKey() });
    await readAgain(queries, { session_id: task.session_id ?? "" });
    return `#${task.number} is tried once more, in the same session.`;
  });
  return <div><Button className={css.small} disabled={running} onClick={() => void run()}>↻ Try again<span className="unseen"> #{task.number}</span></Button></div>;
}

function EndDialog({ milestone, onClose }: { milestone: Milestone; onClose: () => void }) {
  const queries = useQueryClient();
  const [own, setOwn] = useState("");
  const [summary, setSummary] = useState("");
  const end = useAttempt(async () => {
    const ended = await call("POST /milestones/{milestone_id}/end", { path: { milestone_id: milestone.milestone_id }, body: own === "mine" ? { summary } : {} });
    await readAgain(queries, { session_id: milestone.session_id ?? "" });
    onClose();
    return ended.state === "ending" ? "The agent writes the summary; then its session is closed." : "It has ended.";
  });
  return (
    <Dialog title={`End milestone ${milestone.number}?`} onClose={onClose}>
      <form className={layout.form} noValidate onSubmit={(event) => { event.preventDefault(); void end.run(); }}>
        <p>Its session is closed. The summary says what was done, what was decided and what is open; the project's next milestone is told it.</p>
        <TextField label="Summary" value={own} onChange={setOwn} choices={[["", "the agent writes it: one more run"], ["mine", "I write it"]]} />
        {own === "mine" && <TextField label="Your summary" value={summary} onChange={setSummary} rows={6} required />}
        {end.problem && <Trouble problem={end.problem} />}
        <div className={css.foot}>
          <Button type="submit" look="primary" disabled={end.busy || (own === "mine" && !summary.trim())}>End the milestone</Button>
          <Button look="quiet" onClick={onClose}>Not yet</Button>
        </div>
      </form>
    </Dialog>
  );
}
