// What would be made, before it is: names from the coordinator, and a runner of a place that looks and changes nothing.
import { useEffect, useState } from "react";
import { call, Problem } from "../../api/client";
import type { Project, RunTask, Spawned } from "../../api/schema";
import { Link } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import { Help, Said } from "../../parts/Said";
import { workAddress } from "./address";
import { failureOf, useJob } from "./data";
import type { Hindrance } from "./hindrance";
import { Strangers, strangersOf, type ReadIssue } from "./Strangers";
import { Told } from "./Told";
import css from "./Work.module.css";

const GATHER_MS = 350;
const AGAIN_MS = 2_000;

interface Prepared {
  hostname: string;
  path: string;
  branch: string;
  base_branch: string;
  base_commit: string;
  branch_created: boolean;
  issues?: ReadIssue[];
}

export interface Look {
  spawned: Spawned | null;
  /** What a runner has found; null while it looks. */
  prepared: Prepared | null;
  problem: Problem | null;
  waits: boolean;
  again: () => void;
}

/** Nobody has said that it cannot be made. */
export function isOpen(look: Look): boolean {
  if (strangersOf(look.prepared?.issues).length > 0) return false;
  return look.problem === null || look.problem.isTemporary || look.problem.code === "job_timeout";
}

/** Asks anew, shortly after what is wanted has changed; nothing is reserved by that. */
export function useLook(project: Project, issues: readonly number[], body: RunTask, enabled: boolean): Look {
  const [found, setFound] = useState<{ of: string; spawned: Spawned | null; problem: Problem | null }>({ of: "", spawned: null, problem: null });
  const [round, setRound] = useState(0);
  const wanted = JSON.stringify({ issues, ...body, dry_run: true });
  useEffect(() => {
    if (!enabled) return;
    const name = `${round} ${wanted}`;
    const abort = new AbortController();
    const look = () => {
      call("POST /projects/{project_id}/spawn", { path: { project_id: project.project_id }, body: JSON.parse(wanted), signal: abort.signal })
        .then((spawned) => setFound({ of: name, spawned, problem: null }))
        .catch((error: unknown) => {
          if (abort.signal.aborted || !(error instanceof Problem)) return;
          setFound({ of: name, spawned: null, problem: error });
          if (error.isTemporary) timer = setTimeout(look, AGAIN_MS);
        });
    };
    let timer = setTimeout(look, GATHER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [project.project_id, wanted, enabled, round]);
  const current = enabled && found.of === `${round} ${wanted}`;
  const { job, problem } = useJob(current && found.spawned ? found.spawned.job_id : null);
  const failed = job?.status === "failed" ? failureOf(job) : null;
  return {
    spawned: current ? found.spawned : null,
    prepared: job?.status === "done" ? (job.answer as Prepared) : null,
    problem: current ? (found.problem ?? failed ?? (problem?.isTemporary ? null : problem)) : null,
    waits: enabled && (!current || (found.spawned !== null && job?.ended_at == null)),
    again: () => setRound(round + 1),
  };
}

interface Props {
  project: Project;
  look: Look;
  /** Why it cannot be, known before anybody has looked. */
  hindrance: Hindrance | null;
  names: { handle: string; branch: string; directory: string };
  /** These are the names, whatever the look has found. */
  named: boolean;
  nobody: boolean;
  /** The executors that runners there have; null while unknown. */
  offered: readonly string[] | null;
  onReuse: () => void;
  onNew: () => void;
  onAccept: (accepted: Record<string, string>) => void;
}

export function Preview({ project, look, hindrance, names, named, nobody, offered, onReuse, onNew, onAccept }: Props) {
  const { prepared, problem } = look;
  const spawned = named ? null : look.spawned;
  const strangers = strangersOf(prepared?.issues);
  const executor = look.spawned?.executor_type ?? "";
  const unable = executor !== "" && offered !== null && !offered.includes(executor);
  const branch = named ? names.branch : (prepared?.branch ?? spawned?.branch ?? names.branch);
  return (
    <section className={`${css.will} ${hindrance || problem || strangers.length > 0 ? css.refused : ""}`} aria-label="What will be made" aria-live="polite">
      <dl className={layout.facts}>
        <dt>Handle</dt><dd>{spawned?.handle ?? names.handle}</dd>
        <dt>Branch</dt><dd><code>{inert(branch)}</code>{prepared && <> {prepared.branch_created ? "from" : "as it is there, from"} <code>{inert(prepared.base_branch)}</code> at <code>{prepared.base_commit.slice(0, 8)}</code></>}</dd>
        <dt>Worktree</dt><dd>{prepared && !named ? <code>{inert(prepared.hostname)}:{inert(prepared.path)}</code> : <code>{inert(spawned?.directory_name ?? names.directory)}</code>}</dd>
        {spawned && <><dt>State file</dt><dd><code>{inert(spawned.state_file)}</code></dd></>}
      </dl>
      {hindrance ? (
        <div role="alert">
          <p><strong>{inert(hindrance.sentence)}</strong></p>
          {hindrance.first !== null && <p><Link to={`${workAddress(project.name, "issues", hindrance.first)}?start=task`}>Run #{hindrance.first} first</Link></p>}
        </div>
      ) : problem ? (
        <div role="alert">
          <p><strong><Said text={problem.detail} /></strong></p>
          {problem.code !== "branch_exists" && <Help hint={problem.hint} />}
          <p className={css.foot}>
            {problem.code === "branch_exists" && <Button className={css.small} onClick={onReuse}>Go on with it</Button>}
            {problem.code === "branch_exists" && <Button className={css.small} onClick={onNew}>Take the next free name</Button>}
            <Button look="quiet" className={css.small} onClick={look.again}>Look again</Button>
          </p>
        </div>
      ) : nobody ? <Told look={{ icon: "○", word: "No runner of a place is online: it would be given up after a minute.", tone: "need" }} />
        : look.waits ? <Told look={{ icon: "◷", word: "A runner looks whether that can be made …", tone: "wait" }} />
          : strangers.length > 0 ? <Strangers issues={strangers} onAccept={onAccept} />
            : unable ? <Told look={{ icon: "!", word: `The worktree can be made, but no runner that is online there offers ${inert(executor)}: the work would wait, then be stuck. Choose another executor, or start such a runner.`, tone: "need" }} />
              : prepared && <Told look={{ icon: "✓", word: named ? "A runner has looked: issues and base are there." : "A runner has looked: that can be made.", tone: "good" }} />}
    </section>
  );
}
