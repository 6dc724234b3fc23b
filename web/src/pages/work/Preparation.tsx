// What becomes of work that was sent off: reserved, its worktree made or given up, and the way to its session.
import { useEffect, useRef, type ReactNode } from "react";
import { call } from "../../api/client";
import { useQuery } from "@tanstack/react-query";
import { board, useStore } from "../../live/stores";
import { go } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Id, State } from "../../parts/Parts";
import { Said } from "../../parts/Said";
import { lookOf, type Look } from "../../parts/states";
import { hintForPages } from "../../parts/words";
import { failureOf, useJob } from "./data";
import css from "./Work.module.css";

export interface Sent {
  session_id: string;
  /** null: the worktree is there. */
  job_id: string | null;
  branch: string;
  handle: string;
}

const DONE: Look = { icon: "✓", word: "There", tone: "good" };

export function Preparation({ sent, onAgain, onClose }: { sent: Sent; onAgain: () => void; onClose: () => void }) {
  const { job, problem } = useJob(sent.job_id);
  const failed = job?.status === "failed" ? failureOf(job) : null;
  const there = sent.job_id === null || job?.status === "done";
  const answer = (job?.answer ?? null) as { hostname?: string; path?: string; branch?: string } | null;
  const form = useRef<HTMLDivElement>(null);
  // The button that sent it is gone, and the focus with it.
  useEffect(() => form.current?.querySelector<HTMLElement>("[data-next] button")?.focus(), []);
  return (
    <div ref={form} className={layout.form}>
      <ol className={css.steps}>
        <Step look={failed ? { icon: "✕", word: "Undone", tone: "bad" } : { icon: "✓", word: "Reserved", tone: "good" }}>
          {failed ? "Nothing is reserved any more, and no branch and no folder is left. The session stays as a record:" : "The issues are this session's own:"} <Id id={sent.session_id} />
        </Step>
        <Step look={failed ? { icon: "✕", word: "Not made", tone: "bad" } : there ? DONE : { icon: "◷", word: "Being made", tone: "wait" }}>
          {failed ? <span role="alert"><strong><Said text={failed.detail} /></strong> {inert(hintForPages(failed.hint))}</span>
            : there ? <>Branch <code>{inert(answer?.branch ?? sent.branch)}</code>{answer?.path && <> in <code>{inert(answer.hostname ?? "")}:{inert(answer.path)}</code></>}</>
              : <span role="status">{job?.runner_id ? <>The runner <Runner runnerId={job.runner_id} /> makes branch and worktree.</> : "No runner has taken it yet."}{job && <> It is given up <Age at={job.deadline_at} ahead /> if that takes longer.</>}</span>}
        </Step>
        {there && <Agent sessionId={sent.session_id} />}
      </ol>
      {problem && <p className={layout.wrong} role="alert">{problem.detail} {problem.isTemporary && "It is asked again."}</p>}
      <div className={css.foot} data-next>
        <Button look={failed ? "plain" : "primary"} onClick={() => go(`/sessions/${sent.session_id}`)}>Open the session</Button>
        {failed && <Button look="primary" onClick={onAgain}>Back to the form</Button>}
        <Button look="quiet" onClick={onClose}>Close</Button>
      </div>
    </div>
  );
}

/** How the work stands as it happens, up to its end. */
function Agent({ sessionId }: { sessionId: string }) {
  const row = useStore(board).state.rows[sessionId];
  const waits = row === undefined || (row.status === "pending" && !row.live);
  return (
    <Step look={row ? lookOf(row) : { icon: "◷", word: "Queued", tone: "wait" }}>
      <span role="status">{waits ? "Its first run is offered to the runners there." : inert(row.headline ?? "") || (row.live ? "The agent is at work." : "Its run has ended.")}</span>
      {(waits || row.live) && " Closing this changes nothing."}
    </Step>
  );
}

function Step({ look, children }: { look: Look; children: ReactNode }) {
  return <li><State bare look={look} /><div>{children}</div></li>;
}

function Runner({ runnerId }: { runnerId: string }) {
  const runner = useQuery({ queryKey: ["runners", runnerId, "itself"], queryFn: () => call("GET /runners/{runner_id}", { path: { runner_id: runnerId } }) });
  return <>{inert(runner.data?.name || runner.data?.hostname || `…${runnerId.slice(-6)}`)}</>;
}
