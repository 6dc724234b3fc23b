// The head of a session: its state, its name, why it waits, and what a person can do to it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef, useState, type ReactNode } from "react";
import { call, newKey } from "../../api/client";
import type { Session } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { go, Link, useDialogParameter } from "../../navigation";
import { useAction } from "../../parts/actions";
import { ChecksChip } from "../../parts/Checks";
import { issuesBesideTitle, nameOf, nameOfRequest, reasonOfWork, short } from "../../parts/format";
import { inert } from "../../parts/inert";
import { Named } from "../../parts/Named";
import { Age, Button, Id, Money, SessionState } from "../../parts/Parts";
import { useStop } from "../../parts/stop";
import { Where } from "../../parts/Where";
import { WorkActions, WorkDialogs } from "../work/Actions";
import { RaiseLink } from "../usage/BudgetOf";
import { ForkDialog, isForkable } from "./Fork";
import css from "./Header.module.css";

const BUSY = new Set(["pending", "running", "stopping", "interrupted"]);

export function isBusy(session: Session): boolean {
  return BUSY.has(session.status) || session.queued_runs > 0 || session.group === "working";
}

export function Header({ session, context }: { session: Session; context: ReactNode }) {
  return (
    <header className={css.header}>
      <div className={css.top}>
        <div className={css.name}>
          <SessionState session={session} />
          <Title text={nameOf(session)} />
          {issuesBesideTitle(session).map((number) => <span key={number} className={css.issue}>{number}</span>)}
        </div>
        <Actions session={session} />
      </div>
      <div className={css.facts}>
        <Id id={session.session_id} />
        {session.agent_name && <span>{session.agent_name}</span>}
        {session.executor_type && <span>{session.executor_type}</span>}
        {session.model && <span>{inert(session.model)}</span>}
        <Where session={session} />
        {session.parent_session_id && <span>child of <Link to={`/sessions/${session.parent_session_id}`}>…{short(session.parent_session_id)}</Link>, <Link to={`/tree/${session.root_session_id}`}>tree</Link></span>}
        {session.children.total > 0 && <Link to={`/tree/${session.session_id}`}>{session.children.ended} of {session.children.total} children ended</Link>}
        {session.forked_from_session_id && <span>forked from <Link to={`/sessions/${session.forked_from_session_id}`}>…{short(session.forked_from_session_id)}</Link></span>}
        {session.workspace?.branch && <span title={`${session.workspace.hostname}:${session.workspace.path}`}>branch <code>{inert(session.workspace.branch)}</code></span>}
        <PullRequest session={session} />
        <ChecksChip work={session.work} />
        <Money usage={session.usage} />
        {context}
        <Age at={session.created_at} before="begun " after=" ago" />
        {session.archived_at && <span className={css.archived}>archived</span>}
      </div>
      <Sentence session={session} />
    </header>
  );
}

const LONG_TITLE = 60;

/** On a phone a long name takes two lines until somebody wants all of it. */
function Title({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= LONG_TITLE) return <h1 dir="auto">{text}</h1>;
  return (
    <>
      <h1 dir="auto" className={whole ? "" : css.clamped}>{text}</h1>
      <button type="button" className={css.unclamp} aria-expanded={whole} onClick={() => setWhole(!whole)}>{whole ? "Shorter" : "Whole title"}</button>
    </>
  );
}

function PullRequest({ session }: { session: Session }) {
  const url = session.work?.pull_request_url ?? "";
  if (!url) return null;
  return /^https?:\/\//i.test(url) ? <a href={url} target="_blank" rel="noreferrer noopener" title={url}>{nameOfRequest(url)}</a> : <span>{inert(url)}</span>;
}

/** Why it is where it is: what a waiting run waits for, how the last one ended. */
function Sentence({ session }: { session: Session }) {
  const waits = session.status === "pending" || session.group === "queued" || session.status === "interrupted" || (session.waiting_for === "budget" && session.queued_runs > 0);
  const runId = session.latest_run_id;
  const why = useQuery({
    queryKey: ["session", session.session_id, "why", runId],
    queryFn: () => call("GET /runs/{run_id}/why", { path: { run_id: runId ?? "" } }),
    enabled: waits && runId !== null,
    refetchInterval: 10_000,
  });
  if (waits && why.data) {
    return <p className={css.sentence}><Named text={why.data.sentence} own={session.session_id} /> {why.data.code === "budget" ? <RaiseLink session={session} reason={why.data.sentence} /> : why.data.next_step && <span className={css.soft}>{why.data.next_step}</span>}</p>;
  }
  const halted = reasonOfWork(session);
  const ended = session.reason_text && session.reason !== "completed" ? session.reason_text : null;
  if (halted === null && ended === null) return null;
  const raise = session.waiting_for === "budget" && <> <RaiseLink session={session} reason={session.reason_text} /></>;
  return <p className={css.sentence} dir="auto">{halted ?? <Named text={ended ?? ""} own={session.session_id} />}{halted !== null && ended !== null && <> <span className={css.soft}><Named text={ended} own={session.session_id} /></span></>}{raise}</p>;
}

function Actions({ session }: { session: Session }) {
  const queries = useQueryClient();
  const [forking, setForking] = useDialogParameter("fork");
  const path = { session_id: session.session_id };
  const again = () => queries.invalidateQueries({ queryKey: ["session", session.session_id] });
  const { stop, stopping, question } = useStop(session.session_id);
  const [retry, retrying] = useAction(async () => {
    await call("POST /runs/{run_id}/retry", { path: { run_id: session.latest_run_id ?? "" }, idempotencyKey: newKey() });
    await again();
    return "The work is done again, as a new run.";
  });
  const [archive, archiving] = useAction(async () => {
    if (session.archived_at) await call("POST /sessions/{session_id}/unarchive", { path });
    else await call("POST /sessions/{session_id}/archive", { path });
    await again();
    return session.archived_at ? "Taken out of the archive." : "Archived. It stays readable, and “Unarchive” takes it back.";
  });
  const busy = isBusy(session);
  const failed = session.status === "failed" || session.status === "stopped";
  const retriable = !busy && failed && !session.archived_at && session.latest_run_id !== null && !session.external && session.work?.next_move !== "begin_from_branch";
  const forkable = isForkable(session);
  const acts = useRef({ retry, archive, stop });
  acts.current = { retry, archive, stop };
  useKeys(useMemo(() => [
    ...(busy ? [{ keys: "s", does: "Stop it", where: "Session", run: () => acts.current.stop() }] : []),
    ...(session.handle === null ? [] : [{ keys: "f", does: "Give its work guidance", where: "Session", run: () => document.querySelector<HTMLElement>("[data-guide]")?.click() }]),
    { keys: "m", does: "Write a message", where: "Session", run: () => document.getElementById("message")?.focus() },
    ...(forkable ? [{ keys: "f", does: "Fork it: another session that goes on from here", where: "Session", run: () => setForking("yes") }] : []),
    ...(retriable ? [{ keys: "", does: "Retry: do its last work again", where: "Session", run: () => void acts.current.retry() }] : []),
    ...(busy ? [] : [{ keys: "", does: "Archive it, or take it out again", where: "Session", run: () => void acts.current.archive() }]),
    { keys: "", does: "Talk to it in the chat", where: "Session", run: () => go(`/chat/${session.session_id}`) },
    { keys: "", does: "Show its tree", where: "Session", run: () => go(`/tree/${session.session_id}`) },
  ], [busy, forkable, retriable, session.session_id, session.handle]));
  return (
    <div className={css.actions}>
      <WorkActions session={session} />
      <WorkDialogs sessions={useMemo(() => new Map([[session.session_id, session]]), [session])} />
      {busy && <Button look="danger" disabled={stopping || session.external} onClick={stop}>◼ Stop</Button>}
      {retriable && <Button disabled={retrying} onClick={() => void retry()}>↻ Retry</Button>}
      {forkable && <Button look="quiet" onClick={() => setForking("yes")} title="Another session that goes on from here">Fork</Button>}
      {!busy && <Button look="quiet" disabled={archiving} onClick={() => void archive()}>{session.archived_at ? "Unarchive" : "Archive"}</Button>}
      {forking && forkable && <ForkDialog session={session} onClose={() => setForking("")} />}
      {question}
    </div>
  );
}
