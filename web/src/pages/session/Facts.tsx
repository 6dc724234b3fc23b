// What is known of a session besides what happened: where it runs, its conversations, runs and what they cost.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "../../api/client";
import type { Binding, Run, Session } from "../../api/schema";
import { useStore, type SessionLog } from "../../live/stores";
import { Link } from "../../navigation";
import { ChecksChip } from "../../parts/Checks";
import { inert } from "../../parts/inert";
import { Named } from "../../parts/Named";
import { Age, Id, Money, State, Took, Tokens, useMedia } from "../../parts/Parts";
import { lookOf } from "../../parts/states";
import { short } from "../../parts/format";
import { Where } from "../../parts/Where";
import { BudgetOf } from "../usage/BudgetOf";
import { isBusy } from "./Header";
import { workAddress } from "../work/address";
import { PullRequest } from "../work/ShipDialog";
import css from "./Facts.module.css";

export function Facts({ session, log }: { session: Session; log: SessionLog }) {
  const wide = useMedia("(min-width: 1061px)");
  const path = { session_id: session.session_id };
  // Below ["session", id]: read again with it.
  const key = ["session", session.session_id];
  const runs = useQuery({ queryKey: [...key, "runs"], queryFn: () => call("GET /sessions/{session_id}/runs", { path }) });
  const bindings = useQuery({ queryKey: [...key, "bindings"], queryFn: () => call("GET /sessions/{session_id}/bindings", { path }) });
  const usage = useQuery({ queryKey: [...key, "usage"], queryFn: () => call("GET /sessions/{session_id}/usage", { path }) });
  return (
    <details key={String(wide)} className={css.aside} open={wide}>
      <summary>About this session</summary>
      <aside aria-label="About this session">
        <Part title="Session">
          <dl className={css.list}>
            <Fact name="Session"><Id id={session.session_id} whole /></Fact>
            {session.parent_session_id && <Fact name="Parent"><Link to={`/sessions/${session.parent_session_id}`}>…{short(session.parent_session_id)}</Link></Fact>}
            {session.forked_from_session_id && <Fact name="Forked from"><Link to={`/sessions/${session.forked_from_session_id}`}>…{short(session.forked_from_session_id)}</Link></Fact>}
            {session.root_session_id !== session.session_id && <Fact name="Root"><Link to={`/sessions/${session.root_session_id}`}>…{short(session.root_session_id)}</Link></Fact>}
            {session.hostname && <Fact name={session.binding?.runner_id ? "Runner" : "Host"}><Where session={session} before="" /></Fact>}
            {session.project_dir && session.project_dir !== session.workspace?.path && <Fact name="Directory"><code>{inert(session.project_dir)}</code></Fact>}
            {session.workspace && <Fact name="Worktree"><code>{inert(`${session.workspace.hostname}:${session.workspace.path}`)}</code></Fact>}
            {session.workspace?.branch && <Fact name="Branch"><code>{inert(session.workspace.branch)}</code>{session.work?.base_branch && <> from <code>{inert(session.work.base_branch)}</code></>}</Fact>}
            {session.lifecycle && <Fact name="Lifecycle">{session.lifecycle.replaceAll("_", " ")}</Fact>}
            {session.project_id && session.issues.length > 0 && <Fact name="Issues">{session.issues.map((issue) => <Link key={String(issue.number)} to={workAddress(session.project_id ?? "", "issues", Number(issue.number))}>#{String(issue.number)} </Link>)}<Link to={workAddress(session.project_id, "board")}>board</Link></Fact>}
            {session.work?.checks && <Fact name="Checks"><ChecksChip work={session.work} /></Fact>}
            {session.work?.pull_request_url && <Fact name="Pull request"><PullRequest url={session.work.pull_request_url} /></Fact>}
            {session.work?.guidance && <Fact name="Guidance"><Link to={`/sessions/${session.session_id}?view=guidance`}>{inert(session.work.guidance).slice(0, 120)}</Link></Fact>}
            <Fact name="Context">{session.context}{session.portable ? ", portable" : ""}</Fact>
            <Fact name="Events"><Events session={session} log={log} /></Fact>
            {Object.entries(session.labels).map(([name, value]) => <Fact key={name} name={inert(name)}>{inert(value)}</Fact>)}
          </dl>
        </Part>
        <Part title="Usage">
          <dl className={css.list}>
            <Fact name="Cost"><Money usage={session.usage} /></Fact>
            <Fact name="Tokens"><Tokens usage={session.usage} /></Fact>
            {usage.data && session.children.total > 0 && <Fact name="With children"><Money usage={usage.data.subtree} /> · <Tokens usage={usage.data.subtree} /></Fact>}
            {usage.data?.by_model.map((each) => <Fact key={each.key} name={inert(each.key)}><Money usage={each.usage} /> · <Tokens usage={each.usage} /></Fact>)}
          </dl>
          <BudgetOf session={session} />
        </Part>
        <Part title={`Runs${runs.data ? ` (${session.run_count})` : ""}`}>
          {runs.data ? <ol className={css.runs}>{(runs.data.items as Run[]).map((run) => <RunLine key={run.run_id} run={run} />)}</ol> : <p className={css.soft}>…</p>}
        </Part>
        <Part title="Binding history">
          {bindings.data && bindings.data.items.length === 0 && <p className={css.soft}>{isBusy(session) ? "Not bound to a conversation yet." : "It has no conversation that could be resumed."}</p>}
          <ol className={css.runs}>{(bindings.data?.items as Binding[] | undefined)?.map((one) => <BindingLine key={one.generation} binding={one} session={session} />)}</ol>
        </Part>
      </aside>
    </details>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <section className={css.part}><h2>{title}</h2>{children}</section>;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return <div className={css.fact}><dt>{name}</dt><dd>{children}</dd></div>;
}

function RunLine({ run }: { run: Run }) {
  return (
    <li>
      <div className={css.line}>
        <Link to={`/runs/${run.run_id}`} aria-label={`Run ${run.number}`}>{run.number}</Link>
        <State look={lookOf({ status: run.status })} bare />
        <span className={css.soft}>{run.started_at ? <Took from={run.started_at} to={run.ended_at} /> : <Age at={run.created_at} before="queued " />}</span>
        <span className={css.end}><Money usage={run.usage} /></span>
      </div>
      {run.reason_text && run.reason !== "completed" && <p className={css.soft}><Named text={run.reason_text} own={run.session_id} /></p>}
      {run.retry_of && <p className={css.soft}>retry of …{short(run.retry_of)}</p>}
      <Id id={run.run_id} />
    </li>
  );
}

/** The page has heard of more than the session said when it was read. */
function Events({ session, log }: { session: Session; log: SessionLog }) {
  return Math.max(session.last_seq, useStore(log).timeline.last);
}

/** What became of the conversation of its executor that it was bound to. */
function standing(binding: Binding, session: Session): ReactNode {
  if (binding.ended_at) return <Age at={binding.ended_at} before="until " after=" ago" />;
  return isBusy(session) ? "in use" : "goes on from here";
}

function BindingLine({ binding, session }: { binding: Binding; session: Session }) {
  return (
    <li>
      <div className={css.line}>
        <strong>{binding.generation}</strong><span>{binding.executor_type}</span><span className={css.soft}>{binding.reason}</span>
        <span className={css.end}>{standing(binding, session)}</span>
      </div>
      <p className={css.soft}>{binding.runner_id ? <Link to={`/runners/${binding.runner_id}`}>{inert(binding.hostname)}</Link> : inert(binding.hostname)}{binding.project_dir ? ` · ${inert(binding.project_dir)}` : ""}</p>
      <Id id={binding.executor_session_id} label="conversation" whole />
    </li>
  );
}
