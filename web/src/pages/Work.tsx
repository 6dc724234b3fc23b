// Work on issues: the projects; and of one its issues, board, tasks, milestones and worktrees, each under an address.
import { useEffect, useRef } from "react";
import type { Project } from "../api/schema";
import { Problem } from "../api/client";
import { Link } from "../navigation";
import { inert } from "../parts/inert";
import layout from "../parts/layout.module.css";
import { Loading, Trouble } from "../parts/Parts";
import { useShownName } from "../parts/title";
import type { Parameters } from "../routes";
import { TABS, workAddress } from "./work/address";
import { Board } from "./work/Board";
import { runnersOf, useFreshWork, useProject, useTasks, useWorkSessions } from "./work/data";
import { Issues } from "./work/Issues";
import { isActive } from "./work/lifecycle";
import { Milestones } from "./work/Milestones";
import { OneIssue } from "./work/OneIssue";
import { OneMilestone } from "./work/OneMilestone";
import { Projects } from "./work/Projects";
import { Tasks } from "./work/Tasks";
import { Worktrees } from "./work/Worktrees";
import css from "./work/Work.module.css";

export default function WorkPage({ parameters }: { parameters: Parameters }) {
  const { project, tab = "issues", number } = parameters;
  if (!project) return <Projects />;
  return <OfProject key={project} named={project} tab={tab} number={number === undefined ? null : Number(number)} />;
}

function OfProject({ named, tab, number }: { named: string; tab: string; number: number | null }) {
  const project = useProject(named);
  if (project.data === undefined) {
    const missing = project.error instanceof Problem && project.error.status === 404;
    return (
      <div className={layout.page}>
        {project.error ? <Trouble whole problem={project.error} {...(missing ? {} : { again: () => void project.refetch() })} /> : <Loading what="the project" />}
        {project.error && <p><Link to="/work">All projects</Link></p>}
      </div>
    );
  }
  return <InProject key={project.data.project_id} project={project.data} named={named} tab={tab} number={number} />;
}

function InProject({ project, named, tab, number }: { project: Project; named: string; tab: string; number: number | null }) {
  useFreshWork(project.project_id);
  const word = TABS.find(([name]) => name === tab)?.[1];
  useShownName(number === null ? `${project.name}${word ? ` · ${word}` : ""}` : `${tab === "milestones" ? "Milestone " : "#"}${number} · ${project.name}`);
  const wide = tab === "board";
  return (
    <div className={wide ? css.wide : layout.page}>
      <p className={layout.crumbs}>
        <Link to="/work">Work</Link> <span aria-hidden="true">›</span>
        {number === null ? <span className={layout.soft}>{inert(project.name)}</span> : <Link to={workAddress(named, tab === "issues" ? "" : tab)}>{inert(project.name)}</Link>}
        {number !== null && <><span aria-hidden="true">›</span> <span className={layout.soft}>{tab === "milestones" ? `milestone ${number}` : `#${number}`}</span></>}
      </p>
      {number === null && (
        <div className={css.top}>
          <h1>{inert(project.name)}</h1>
          <Tabs project={project} named={named} tab={tab} />
        </div>
      )}
      <NobodyThere project={project} />
      <Page project={project} named={named} tab={tab} number={number} />
    </div>
  );
}

function Tabs({ project, named, tab }: { project: Project; named: string; tab: string }) {
  const { sessions } = useWorkSessions(project);
  const tasks = useTasks(project);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  const counts: Record<string, number> = {
    "": project.open_issues, board: [...sessions.values()].filter(isActive).length, tasks: (tasks.data ?? []).filter((one) => one.status === "running").length,
  };
  return (
    <nav ref={nav} className={layout.segments} aria-label="Of the project">
      {TABS.map(([name, word]) => (
        <Link key={name} to={workAddress(named, name)} aria-current={(name || "issues") === tab ? "page" : undefined}>
          {word}{(counts[name] ?? 0) > 0 && <span className={css.count}>{counts[name]}<span className="unseen">{name === "" ? " open" : " at work"}</span></span>}
        </Link>
      ))}
    </nav>
  );
}

/** Nothing can be prepared while no runner of a place is there: that is said before somebody sends it off. */
function NobodyThere({ project }: { project: Project }) {
  if (project.locations.length > 0 && runnersOf(project).length > 0) return null;
  const place = project.locations[0];
  return (
    <div className={css.warning} role="status">
      <p><strong>{place ? "No runner of a place of this project is online: no worktree can be made." : "The project has no place: no worktree can be made."}</strong></p>
      <p>{place ? <>On {inert(place.hostname)}: <code>callboard runner --project-dir {inert(place.path)}</code></> : <>On the machine of its repository: <code>callboard project add PATH</code></>}</p>
    </div>
  );
}

function Page({ project, named, tab, number }: { project: Project; named: string; tab: string; number: number | null }) {
  if (number !== null && Number.isSafeInteger(number)) {
    if (tab === "issues") return <OneIssue project={project} named={named} number={number} />;
    if (tab === "milestones") return <OneMilestone project={project} named={named} number={number} />;
  } else if (number === null) {
    if (tab === "issues") return <Issues project={project} named={named} />;
    if (tab === "board") return <Board project={project} named={named} />;
    if (tab === "tasks") return <Tasks project={project} named={named} />;
    if (tab === "milestones") return <Milestones project={project} named={named} />;
    if (tab === "worktrees") return <Worktrees project={project} />;
  }
  return <p>The address leads to no page of this project. <Link to={workAddress(named)}>Its issues</Link></p>;
}
