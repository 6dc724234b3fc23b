// The projects: where each is, whether anybody may work there, and how much is open.
import { useMemo, useRef } from "react";
import type { Project } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { rowKeys } from "../../keyboard/rows";
import { useFresh } from "../../live/fresh";
import { Link } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Loading, State, Trouble } from "../../parts/Parts";
import { workAddress } from "./address";
import { useProjects } from "./data";
import css from "./Work.module.css";

const GATHER_MS = 1_000;

export function Projects() {
  useFresh(["work", "projects"], (event) => event.type === "lifecycle_changed" || (event.type === "session_updated" && "handle" in event.payload), GATHER_MS);
  const projects = useProjects();
  const all = projects.data;
  const list = useRef<HTMLUListElement>(null);
  useKeys(useMemo(() => rowKeys(list, "Work", "project"), []));
  return (
    <div className={layout.page}>
      <div className={layout.head}><h1>Work</h1></div>
      {all === undefined ? (projects.error ? <Trouble problem={projects.error} again={() => void projects.refetch()} /> : <Loading what="the projects" />) : all.length === 0 ? <FirstSteps /> : (
        <ul ref={list} className={css.projects}>{all.map((project) => <li key={project.project_id}><Card project={project} /></li>)}</ul>
      )}
    </div>
  );
}

function FirstSteps() {
  return (
    <div className={layout.first}>
      <h2>There is no project yet</h2>
      <p>A project is a repository. Numbers of its issues become sessions, each with a branch and a worktree of its own. In the repository:</p>
      <pre tabIndex={0}><code>{'callboard project add .\ncallboard task new "The login test is flaky"'}</code></pre>
      <p className={layout.soft}>Issues are kept here and need no account; <code>--tracker github</code> takes those of GitHub.</p>
    </div>
  );
}

function Card({ project }: { project: Project }) {
  return (
    <article className={layout.card}>
      <div className={layout.line}>
        <h2 className={css.projectName}><Link to={workAddress(project.name)} data-row>{inert(project.name)}</Link></h2>
        {project.tracker !== "local" && <span className={layout.tag}>{project.tracker}</span>}
      </div>
      <p className={layout.line}>
        <Link to={workAddress(project.name)}>{project.open_issues} open {project.open_issues === 1 ? "issue" : "issues"}</Link>
        <Link to={workAddress(project.name, "board")}>{project.active_sessions} active {project.active_sessions === 1 ? "session" : "sessions"}</Link>
      </p>
      {project.locations.length === 0 ? <p className={layout.soft}>No place. On the machine of its repository: <code>callboard project add PATH</code></p> : (
        <ul className={css.places}>
          {project.locations.map((place) => (
            <li key={`${place.hostname} ${place.path}`} className={layout.line}>
              <State bare look={place.runner_ids.length > 0
                ? { icon: "●", word: `${place.runner_ids.length} ${place.runner_ids.length === 1 ? "runner" : "runners"} online`, tone: "good" }
                : { icon: "○", word: "no runner online", tone: "bad" }} />
              <span className={layout.mono}>{inert(place.hostname)}:{inert(place.path)}</span>
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}
