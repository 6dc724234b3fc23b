// A run as a line of a list: one that waits with its sentence, one that does not with what became of it.
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Run, WaitingRun, Why } from "../../api/schema";
import { Link } from "../../navigation";
import { asText, inert } from "../../parts/inert";
import { board, useStore } from "../../live/stores";
import { nameOf, short } from "../../parts/format";
import layout from "../../parts/layout.module.css";
import { Named, withNames } from "../../parts/Named";
import { Age, Line, Money, State, Took } from "../../parts/Parts";
import { lookOf } from "../../parts/states";
import css from "./Rows.module.css";
import { Answers, Demands } from "./Why";

/** What a run is called: as its session; how its prompt begins until that is known. */
export function useNameOf(run: Run): string {
  const { state, phase } = useStore(board);
  const row = state.rows[run.session_id];
  const asked = useQuery({
    queryKey: ["name", run.session_id],
    queryFn: () => call("GET /sessions/{session_id}", { path: { session_id: run.session_id } }),
    enabled: phase !== "loading" && row === undefined,
    staleTime: Infinity,
  });
  const session = row ?? asked.data;
  if (session) return nameOf(session);
  const line = (run.prompt ?? "").split("\n").find((one) => one.trim()) ?? "";
  return inert(line.slice(0, 200) || run.agent_name || `…${short(run.session_id)}`);
}

export function WaitingRow({ waiting, open, onToggle }: { waiting: WaitingRun; open: boolean; onToggle: () => void }) {
  const { run, why } = waiting;
  const name = inert(waiting.title || run.agent_name || `…${short(run.session_id)}`);
  return (
    <div className={css.row}>
      <div className={css.top}>
        <Place why={why} />
        <Link to={`/sessions/${run.session_id}`} className={css.name} dir="auto">{name}</Link>
        <span className={css.soft}>run {run.number}{run.priority !== 0 && ` · priority ${run.priority}`}</span>
        <span className={css.end}><Age at={run.created_at} before="waits " /></span>
      </div>
      <p className={css.why}><Named text={why.sentence} /></p>
      <div className={css.under}>
        <Demands demands={why.demands} />
        <button type="button" className={css.more} aria-expanded={open} onClick={onToggle}>{open ? "▾ Less" : "▸ What each runner says"}</button>
        <Link to={`/runs/${run.run_id}`} className={css.link}>Details</Link>
      </div>
      {open && <Answers runId={run.run_id} />}
    </div>
  );
}

/** The place in the queue of what could start now; a word for what something else holds up. */
export function Place({ why }: { why: Why }) {
  if (why.place_in_queue === null) {
    return <State look={{ icon: "◷", word: why.code === "behind_run" ? "After another run" : "Held up", tone: "wait" }} />;
  }
  const stuck = why.code === "no_matching_runner" || why.code === "no_runner";
  return <State look={{ icon: stuck ? "!" : "◷", word: `Place ${why.place_in_queue}`, tone: stuck ? "need" : "wait" }} />;
}

export function RunRow({ run }: { run: Run }) {
  const name = useNameOf(run);
  const began = run.started_at ?? run.claimed_at;
  return (
    <div className={css.row}>
      <div className={css.top}>
        <State look={lookOf({ status: run.status })} />
        <Link to={`/sessions/${run.session_id}`} className={css.name} dir="auto">{name}</Link>
        <span className={css.soft}>run {run.number}{run.attempt > 1 && ` · attempt ${run.attempt}`}</span>
        <span className={css.end}>{run.ended_at ? <Age at={run.ended_at} after=" ago" /> : <Age at={run.created_at} />}</span>
      </div>
      {run.reason && run.reason !== "completed" && (
        <div className={css.why}><Line text={withNames(asText(run.error?.message) || (run.reason_text ?? run.reason), run.session_id)} /></div>
      )}
      <div className={css.under}>
        {run.agent_name && <span className={layout.tag}>{inert(run.agent_name)}</span>}
        <span className={layout.tag}>{run.executor_type}</span>
        {run.model && <span className={layout.tag}>{inert(run.model)}</span>}
        {began && <span className={css.soft}>{run.ended_at ? "took " : "works "}<Took from={began} to={run.ended_at} /></span>}
        <span className={css.soft}><Money usage={run.usage} /></span>
        {run.runner_id && <Link to={`/runners/${run.runner_id}`} className={css.link}>Runner …{short(run.runner_id)}</Link>}
        <Link to={`/runs/${run.run_id}`} className={css.link}>Details</Link>
      </div>
    </div>
  );
}
