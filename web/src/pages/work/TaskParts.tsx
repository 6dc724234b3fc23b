// What tasks look like: how each stands, what its checks said last, and the way to run it.
import type { Task } from "../../api/schema";
import { Link } from "../../navigation";
import { duration } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { State } from "../../parts/Parts";
import type { Look } from "../../parts/states";
import { workAddress } from "./address";
import { checkName, taskLook } from "./lifecycle";
import css from "./Work.module.css";

type Outcome = Task["last_checks"][number];

const UNKNOWN: Look = { icon: "·", word: "", tone: "wait" };

function passed(outcome: Outcome): boolean {
  return outcome.exit_code === 0 && !outcome.timed_out;
}

function sentence(outcome: Outcome): string {
  if (outcome.timed_out) return "took longer than its limit";
  if (outcome.signal) return `was ended by ${outcome.signal}`;
  return `exited with code ${outcome.exit_code} after ${duration(outcome.duration_ms)}`;
}

/** Each check with what it said last; those of the project where the task has none of its own. */
export function Checks({ task, ofProject }: { task: Task; ofProject: readonly string[] }) {
  const names = [...new Set([...(task.checks.length > 0 ? task.checks.map(checkName) : ofProject), ...task.last_checks.map((one) => one.name)])];
  const failing = task.last_checks.filter((one) => !passed(one));
  if (names.length === 0) return <p className={layout.hint}>No checks: it has passed when the agent is done.</p>;
  return (
    <>
      <ul className={css.checks} aria-label={`Checks of #${task.number}`}>
        {names.map((name) => {
          const said = task.last_checks.find((one) => one.name === name);
          const look = said === undefined ? UNKNOWN : passed(said) ? { icon: "✓", word: "passed", tone: "good" as const } : { icon: "✕", word: "failed", tone: "bad" as const };
          return <li key={name} className={layout.line} style={{ gap: 4 }} title={said ? sentence(said) : "It has not run yet."}><code>{inert(name)}</code><State bare look={look} />{said === undefined && <span className="unseen">not run yet</span>}</li>;
        })}
      </ul>
      {failing.map((one) => (
        <details key={one.name} className={css.more}>
          <summary>{inert(one.name)} {sentence(one)}</summary>
          {one.tail ? <pre className={css.tail} tabIndex={0} dir="auto">{inert(one.tail)}</pre> : <p className={layout.soft}>It printed nothing.</p>}
        </details>
      ))}
    </>
  );
}

export function TaskHead({ task, named, milestone, within = false }: { task: Task; named: string; milestone?: number | undefined; within?: boolean }) {
  return (
    <div className={layout.line}>
      <span className={css.number}>#{task.number}</span>
      <Link to={workAddress(named, "issues", task.number)} className={css.taskTitle} data-row dir="auto">{inert(task.title) || `Issue ${task.number}`}</Link>
      <State look={taskLook(task)} />
      {task.iteration > 0 && <span className={`${layout.tag} ${layout.number}`}>iteration {task.iteration} of {task.max_iterations}</span>}
      {task.context === "persistent" && <span className={layout.tag}>one conversation</span>}
      {task.depends_on.length > 0 && <span className={layout.tag}>after {task.depends_on.map((one) => `#${one}`).join(" ")}</span>}
      {milestone !== undefined && <Link to={workAddress(named, "milestones", milestone)} className={layout.tag}>milestone {milestone}</Link>}
      {task.session_id && !within && <Link to={`/sessions/${task.session_id}`} className={layout.small}>its session</Link>}
    </div>
  );
}
