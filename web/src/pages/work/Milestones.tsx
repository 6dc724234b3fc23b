// The milestones of a project: rows of tasks in one session, with how far each is.
import { useMemo, useRef, useState } from "react";
import type { Milestone, Project } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { rowKeys } from "../../keyboard/rows";
import { Link } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Loading, State, Trouble } from "../../parts/Parts";
import type { Look } from "../../parts/states";
import { workAddress } from "./address";
import { useMilestones } from "./data";
import { taskLook } from "./lifecycle";
import { ToMilestone } from "./ToMilestone";
import css from "./Work.module.css";

const LOOKS: Record<string, Look> = {
  planned: { icon: "·", word: "Planned", tone: "wait" },
  active: { icon: "▶", word: "Active", tone: "work" },
  ending: { icon: "✎", word: "Summary is being written", tone: "work" },
  ended: { icon: "✓", word: "Ended", tone: "good" },
};

const COME_THROUGH: Look = { icon: "◆", word: "All passed, to be ended", tone: "review" };
const WORKED_OFF: Look = { icon: "◆", word: "Nothing left, to be ended", tone: "review" };

/** Nothing of it is left to do, and it waits for a person to end it. */
export function isWorkedOff(milestone: Milestone): boolean {
  return milestone.state === "active" && milestone.tasks.length > 0 && milestone.tasks.every((task) => task.status === "ended");
}

export function milestoneLook(milestone: Milestone): Look {
  if (isWorkedOff(milestone)) return milestone.tasks.every((task) => task.outcome === "passed") ? COME_THROUGH : WORKED_OFF;
  return LOOKS[milestone.state] ?? { icon: "•", word: milestone.state, tone: "wait" };
}

export function Milestones({ project, named }: { project: Project; named: string }) {
  const milestones = useMilestones(project);
  const [making, setMaking] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  useKeys(useMemo(() => rowKeys(list, "Milestones", "milestone"), []));
  if (milestones.data === undefined) return milestones.error ? <Trouble problem={milestones.error} again={() => void milestones.refetch()} /> : <Loading what="the milestones" />;
  return (
    <>
      {milestones.data.length === 0 ? <FirstMilestone named={named} onNew={() => setMaking(true)} /> : (
        <>
          <div className={css.tools}><span className={layout.end}><Button look="primary" onClick={() => setMaking(true)}>New milestone</Button></span></div>
          <ul ref={list} className={css.milestones}>
            {milestones.data.map((one) => (
              <li key={one.milestone_id} className={layout.card}>
                <div className={layout.line}>
                  <h2><Link to={workAddress(named, "milestones", one.number)} data-row dir="auto">{one.number} {inert(one.title)}</Link></h2>
                  <State look={milestoneLook(one)} />
                  {one.session_id && <Link to={`/sessions/${one.session_id}`} className={layout.small}>its session</Link>}
                </div>
                <Progress milestone={one} />
                {one.summary && <p className={`${layout.soft} ${css.clamp}`} dir="auto">{inert(one.summary)}</p>}
              </li>
            ))}
          </ul>
        </>
      )}
      {making && <ToMilestone project={project} named={named} numbers={[]} onClose={() => setMaking(false)} />}
    </>
  );
}

function FirstMilestone({ named, onNew }: { named: string; onNew: () => void }) {
  return (
    <div className={layout.first}>
      <h2>There is no milestone yet</h2>
      <p>A milestone is a row of tasks that are done in one session, on one branch, in the order of their dependencies; at its end the agent writes a summary, which the next milestone is told. Choose <Link to={workAddress(named)}>issues</Link> and put them into one, or:</p>
      <pre tabIndex={0}><code>{'callboard milestone new "First light" 41 42 43'}</code></pre>
      <div><Button look="primary" onClick={onNew}>New milestone</Button></div>
    </div>
  );
}

/** How many of its tasks have come to what; a bar and the words. */
export function Progress({ milestone }: { milestone: Milestone }) {
  const looks = milestone.tasks.map(taskLook);
  const words = [...new Set(looks.map((look) => look.word))];
  const passed = milestone.tasks.filter((task) => task.outcome === "passed").length;
  return (
    <>
      <div className={css.bar} role="img" aria-label={`${passed} of ${looks.length} tasks have passed`}>
        {milestone.tasks.map((task) => <span key={task.task_id} className={css[taskLook(task).tone]} style={{ flex: 1 }} />)}
      </div>
      <p className={layout.line}>
        <span className={layout.number}>{passed} of {looks.length} passed</span>
        {words.filter((word) => word !== "Passed").map((word) => {
          const look = looks.find((one) => one.word === word);
          return look && <span key={word} className={layout.line} style={{ gap: 4 }}><State bare look={look} /><span className={layout.soft}>{looks.filter((one) => one.word === word).length}</span></span>;
        })}
      </p>
    </>
  );
}
