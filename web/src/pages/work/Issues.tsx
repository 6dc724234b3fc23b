// The issues of a project: found, chosen by click and key, and sent off as work; made here where the tracker is ours.
import { useQueryClient } from "@tanstack/react-query";
import { memo, useEffect, useMemo, useRef, useState, type MouseEvent } from "react";
import { call } from "../../api/client";
import type { Issue, Project, Task } from "../../api/schema";
import { useKeys, type Key } from "../../keyboard/registry";
import { Link, useQueryParameter } from "../../navigation";
import { useAction } from "../../parts/actions";
import { nameOf } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Loading, State, Trouble } from "../../parts/Parts";
import { workAddress } from "./address";
import { ended, MOST, useIssues, useTasks, useWorkSessions, type WorkRow } from "./data";
import { IssueDialog } from "./IssueDialog";
import { checkName, chosenAfter, fitting, holdersOf, lifecycleLook, readNumbers, taskLook } from "./lifecycle";
import { ToMilestone } from "./ToMilestone";
import { SpawnDialog } from "./SpawnDialog";
import { useStarting } from "./starting";
import css from "./Work.module.css";

const SHOWN = 100;
const STATES = [["open", "Open"], ["closed", "Closed"], ["all", "All"]] as const;

export function Issues({ project, named }: { project: Project; named: string }) {
  const [state, setState] = useQueryParameter("state", "open");
  const [words, setWords] = useQueryParameter("q");
  const [pick, setPick] = useQueryParameter("pick");
  const spawn = useStarting("spawn");
  const [dialog, setDialog] = useState<"new" | "milestone" | null>(null);
  const issues = useIssues(project, state === "all" ? "" : state === "closed" ? "closed" : "open");
  const tasks = useTasks(project);
  const { sessions } = useWorkSessions(project);
  const ofNumber = useMemo(() => new Map((tasks.data ?? []).map((task) => [task.number, task])), [tasks.data]);
  const holders = useMemo(() => holdersOf(sessions), [sessions]);
  const found = useMemo(() => fitting(issues.data ?? [], words), [issues.data, words]);
  const chosen = readNumbers(pick);
  const last = useRef<number | null>(null);
  const choose = (number: number, range: boolean) => {
    setPick(chosenAfter(chosen, found.map((one) => one.number), number, range ? last.current : null).join(","));
    last.current = number;
  };
  const spawnChosen = () => (chosen.length > 0 ? spawn.open(chosen.join(",")) : undefined);
  const list = useRef<HTMLUListElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const isOurs = project.tracker === "local";
  const now = useRef({ choose, spawnChosen, clear: () => setPick(""), make: () => isOurs && setDialog("new") });
  now.current = { choose, spawnChosen, clear: () => setPick(""), make: () => isOurs && setDialog("new") };
  useKeys(useMemo(() => keysOf(list, search, now), []));
  return (
    <>
      <div className={css.tools}>
        <input ref={search} type="search" className={`${layout.field} ${css.search}`} placeholder="Filter  /" aria-label="Filter issues" value={words} onChange={(event) => setWords(event.target.value)} />
        <div className={layout.segments} role="group" aria-label="State">
          {STATES.map(([name, word]) => <Button key={name} look={name === state ? "plain" : "quiet"} aria-pressed={name === state} onClick={() => setState(name)}>{word}</Button>)}
        </div>
        <span className={layout.end}>{isOurs ? <Button look={chosen.length > 0 ? "plain" : "primary"} onClick={() => setDialog("new")}>New issue</Button> : <Fetch project={project} />}</span>
      </div>
      {issues.data === undefined ? (issues.error ? <Trouble problem={issues.error} again={() => void issues.refetch()} /> : <Loading what="the issues" />)
        : issues.data.length === 0 ? <NoIssues project={project} state={state} onNew={() => setDialog("new")} onSpawn={spawn.open} />
          : found.length === 0 ? <p className={layout.soft}>None of these {issues.data.length} fits.</p>
            : <List refOf={list} issues={found} tasks={ofNumber} sessions={sessions} holders={holders} chosen={chosen} named={named} onChoose={choose} />}
      {chosen.length > 0 && (
        <div className={css.chosen} role="region" aria-label="Chosen issues">
          <strong role="status">{chosen.length} chosen</strong>
          <span className={`${layout.soft} ${layout.number}`} style={{ whiteSpace: "normal" }}>{chosen.slice(0, 20).map((number) => `#${number}`).join(" ")}</span>
          <span className={`${css.actions} ${layout.end}`}>
            <Button look="primary" onClick={spawnChosen} title="s">Start work …</Button>
            <Button onClick={() => setDialog("milestone")}>To a milestone …</Button>
            <Button look="quiet" onClick={() => setPick("")}>Clear</Button>
          </span>
        </div>
      )}
      {dialog === "new" && <IssueDialog project={project} onClose={() => setDialog(null)} />}
      {dialog === "milestone" && <ToMilestone project={project} named={named} numbers={chosen} onClose={() => setDialog(null)} onDone={() => setPick("")} />}
      {spawn.what && (
        <SpawnDialog project={project} what={{ kind: "spawn", numbers: readNumbers(spawn.what) }} onSent={() => { setPick(""); spawn.sent(); }}
          onOrder={(order) => order.length > 0 && spawn.follow(order.join(","))} onClose={spawn.close} />
      )}
    </>
  );
}

/** Who comes back from an issue goes on at its row. */
export const opened = { number: null as number | null };

function comeBack(list: HTMLElement | null): void {
  if (opened.number === null || list === null) return;
  const row = list.querySelector<HTMLElement>(`li[data-number="${opened.number}"]`);
  opened.number = null;
  row?.querySelector<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

/** Issues of a tracker elsewhere are read by a runner, with its own credentials. */
function Fetch({ project }: { project: Project }) {
  const queries = useQueryClient();
  const [fetch, fetching] = useAction(async () => {
    const job = await ended(await call("POST /projects/{project_id}/jobs", { path: { project_id: project.project_id }, body: { kind: "fetch_issues" } }));
    await queries.invalidateQueries({ queryKey: ["work"] });
    return Array.isArray(job.answer) ? `${job.answer.length} open issues were read.` : "The issues were read.";
  });
  return <Button disabled={fetching} onClick={() => void fetch()}>{fetching ? "A runner reads them …" : `Read from ${project.tracker}`}</Button>;
}

function NoIssues({ project, state, onNew, onSpawn }: { project: Project; state: string; onNew: () => void; onSpawn: (numbers: string) => void }) {
  const [number, setNumber] = useState("");
  if (state === "closed") return <p className={layout.soft}>No issue is closed.</p>;
  if (project.tracker === "local") {
    return (
      <div className={layout.first}>
        <h2>No issue is open</h2>
        <p>An issue says what is to be done. Make one here or at the command line, choose it, and start work on it:</p>
        <pre tabIndex={0}><code>{'callboard task new "The login test is flaky" --body "It fails on every second Monday."'}</code></pre>
        <div><Button look="primary" onClick={onNew}>New issue</Button></div>
      </div>
    );
  }
  return (
    <form className={layout.first} onSubmit={(event) => { event.preventDefault(); if (readNumbers(number).length > 0) onSpawn(readNumbers(number).join(",")); }}>
      <h2>No issue of {project.tracker} was read yet</h2>
      <p>A runner reads them with its own credentials: see the button above. Or start work on numbers that you know:</p>
      <div className={layout.line}>
        <input className={layout.field} aria-label="Numbers of issues" placeholder="41 42" value={number} onChange={(event) => setNumber(event.target.value)} />
        <Button type="submit" look="primary" disabled={readNumbers(number).length === 0}>Start work …</Button>
      </div>
    </form>
  );
}

interface ListProps {
  refOf: React.RefObject<HTMLUListElement | null>;
  issues: readonly Issue[];
  tasks: ReadonlyMap<number, Task>;
  sessions: ReadonlyMap<string, WorkRow>;
  holders: ReadonlyMap<number, WorkRow>;
  chosen: readonly number[];
  named: string;
  onChoose: (number: number, range: boolean) => void;
}

function List({ refOf, issues, tasks, sessions, holders, chosen, named, onChoose }: ListProps) {
  const [shown, setShown] = useState(SHOWN);
  const choose = useRef(onChoose);
  choose.current = onChoose;
  useEffect(() => comeBack(refOf.current), [refOf]);
  const steady = useMemo(() => (number: number, range: boolean) => choose.current(number, range), []);
  return (
    <>
      <ul ref={refOf} className={layout.box} aria-label="Issues">
        {issues.slice(0, shown).map((issue) => (
          <Row key={issue.number} issue={issue} task={tasks.get(issue.number)} holder={holders.get(issue.number)}
            unread={issue.session_id !== null && !sessions.has(issue.session_id)} place={chosen.indexOf(issue.number)} named={named} onChoose={steady} />
        ))}
      </ul>
      {issues.length >= MOST && <p className={layout.soft}>Only the newest {MOST} are read here.</p>}
      {issues.length > shown && <div><Button look="quiet" onClick={() => setShown(shown * 4)}>{issues.length - shown} more</Button></div>}
    </>
  );
}

interface RowProps {
  issue: Issue;
  task: Task | undefined;
  holder: WorkRow | undefined;
  /** A session holds it of which nothing is known here. */
  unread: boolean;
  place: number;
  named: string;
  onChoose: (number: number, range: boolean) => void;
}

const Row = memo(function Row({ issue, task, holder, unread, place, named, onChoose }: RowProps) {
  const { number } = issue;
  const onClick = (event: MouseEvent) => {
    if ((event.target as HTMLElement).closest("a, button, label, input")) return;
    if (event.shiftKey) getSelection()?.removeAllRanges();
    event.currentTarget.querySelector<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
    onChoose(number, event.shiftKey);
  };
  return (
    <li className={css.issue} data-chosen={place >= 0} data-number={number} onClick={onClick}>
      <label className={css.pick}>
        <span className="unseen">Choose #{number}</span>
        <input type="checkbox" checked={place >= 0} onChange={(event) => onChoose(number, (event.nativeEvent as unknown as MouseEvent).shiftKey)} />
      </label>
      <span className={css.number}>#{number}</span>
      <span className={css.title}>
        <Link to={workAddress(named, "issues", number)} data-row dir="auto" className={issue.state === "closed" ? css.closed : undefined}>{inert(issue.title) || `Issue ${number}`}</Link>
        {issue.state === "closed" && <span className={layout.tag}>closed</span>}
        {task && <TaskTags task={task} />}
      </span>
      {(holder || unread) && (
        <Link to={`/sessions/${holder?.session_id ?? issue.session_id}`} className={css.holder} title={holder ? nameOf(holder) : undefined}>
          <State look={holder ? lifecycleLook(holder.lifecycle) : { icon: "▶", word: "In work", tone: "work" }} />
          <span className="unseen">in a session </span>
        </Link>
      )}
      <span className={css.age}><Age at={issue.updated_at} /></span>
    </li>
  );
});

function TaskTags({ task }: { task: Task }) {
  return (
    <span className={layout.tags}>
      {task.status !== "planned" && <State look={taskLook(task)} />}
      {task.status === "running" && <span className={layout.tag}>{task.iteration} of {task.max_iterations}</span>}
      {task.checks.length > 0 && <span className={layout.tag}>checks {task.checks.map(checkName).map(inert).join(", ")}</span>}
      {task.depends_on.length > 0 && <span className={layout.tag}>after {task.depends_on.map((one) => `#${one}`).join(" ")}</span>}
      {task.milestone_id && <span className={layout.tag}>in a milestone</span>}
    </span>
  );
}

interface Doing {
  choose: (number: number, range: boolean) => void;
  spawnChosen: () => void;
  clear: () => void;
  make: () => void;
}

function keysOf(list: React.RefObject<HTMLUListElement | null>, search: React.RefObject<HTMLInputElement | null>, now: React.RefObject<Doing>): readonly Key[] {
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("li") ?? [])];
  const here = () => (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("li[data-number]") ?? null;
  const step = (by: number) => {
    const all = rows();
    const at = all.indexOf(here() as HTMLElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))];
    next?.querySelector<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  };
  const choose = (range: boolean) => {
    const row = here();
    if (row) now.current.choose(Number(row.dataset.number), range);
    else step(1);
  };
  return [
    { keys: "j", does: "Next issue", where: "Issues", run: () => step(1) },
    { keys: "k", does: "Issue before", where: "Issues", run: () => step(-1) },
    { keys: "Enter", does: "Open it", where: "Issues", run: () => here()?.querySelector<HTMLElement>("[data-row]")?.click() },
    { keys: "x", does: "Choose it, or not", where: "Issues", run: () => choose(false) },
    { keys: "X", does: "Choose all from the last one to it (shift and click, too)", where: "Issues", run: () => choose(true) },
    { keys: "s", does: "Start work on what is chosen", where: "Issues", run: () => now.current.spawnChosen() },
    { keys: "n", does: "New issue", where: "Issues", run: () => now.current.make() },
    { keys: "Escape", does: "Choose nothing", where: "Issues", run: () => now.current.clear() },
    { keys: "/", does: "Filter", where: "Issues", run: () => search.current?.focus() },
  ];
}
