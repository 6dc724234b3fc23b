// One run: where it is and why, what every runner says to it, and its facts.
import { useQuery } from "@tanstack/react-query";
import { call, newKey, Problem } from "../../api/client";
import type { Run } from "../../api/schema";
import { useFresh } from "../../live/fresh";
import { STATE_TYPES, type Event } from "../../live/types";
import { go, Link } from "../../navigation";
import { useAction } from "../../parts/actions";
import { withShortIds } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Id, Loading, Money, State, Tokens, Took, Trouble } from "../../parts/Parts";
import { lookOf } from "../../parts/states";
import { useStop } from "../../parts/stop";
import { useShownName } from "../../parts/title";
import css from "./Rows.module.css";
import { Place, useNameOf } from "./Rows";
import { Deadlines, Demands, NextStep, RunOf, Runners, useWhy } from "./Why";

const states = new Set<string>(STATE_TYPES);
const SPENT_GATHER_MS = 1_000;
const MODES: Record<string, string> = {
  read_only: "may read only", ask: "asks before it changes", edit: "may edit files", full: "may do everything",
};
const ENDED = new Set(["completed", "failed", "stopped"]);

export function OneRun({ runId }: { runId: string }) {
  useFresh(["runs"], (event: Event) => states.has(event.type));
  useFresh(["runs"], (event: Event) => event.type === "usage" && event.run_id === runId, SPENT_GATHER_MS);
  const run = useQuery<Run, Error>({ queryKey: ["runs", "one", runId], queryFn: () => call("GET /runs/{run_id}", { path: { run_id: runId } }) });
  if (run.data === undefined) {
    const missing = run.error instanceof Problem && run.error.status < 500 && run.error.status > 0;
    return (
      <div className={layout.page}>
        {run.error ? <Trouble whole problem={run.error} {...(missing ? {} : { again: () => void run.refetch() })} /> : <Loading what="the run" />}
        {run.error && <p><Link to="/runs">To the queue</Link></p>}
      </div>
    );
  }
  return <Shown run={run.data} />;
}

function Shown({ run }: { run: Run }) {
  const why = useWhy(run.run_id);
  const name = useNameOf(run);
  useShownName(`${name}, run ${run.number}`);
  const pending = run.status === "pending";
  return (
    <div className={layout.page}>
      <p className={layout.crumbs}><Link to={pending ? "/runs" : "/runs?status=all"}>{pending ? "Queue" : "Runs"}</Link> <span aria-hidden="true">›</span> <span className={layout.soft}>run {run.number}</span></p>
      <div className={layout.head}>
        <State look={lookOf({ status: run.status })} />
        <h1 dir="auto"><Link to={`/sessions/${run.session_id}`}>{name}</Link></h1>
        <Actions run={run} />
      </div>
      <section className={layout.card} aria-label="Why it is where it is">
        {why.data === undefined ? (why.error ? <Trouble problem={why.error} again={() => void why.refetch()} /> : <Loading what="why" />) : (
          <>
            <div className={layout.line}>{pending && <Place why={why.data} />}<strong>{withShortIds(inert(why.data.sentence))}</strong></div>
            <NextStep why={why.data} />
            <Deadlines why={why.data} />
            {why.data.waits_for_run_id && <p>Before it: <RunOf runId={why.data.waits_for_run_id} /></p>}
            {pending && <div className={css.answers}><Runners runners={why.data.runners} /></div>}
          </>
        )}
      </section>
      <section className={layout.card} aria-label="Facts">
        <dl className={layout.facts}>
          <dt>Demands</dt><dd><Demands demands={run.demands} /></dd>
          <dt>Began</dt><dd>{run.started_at ? <><Age at={run.started_at} after=" ago" />, took <Took from={run.started_at} to={run.ended_at} /></> : "not yet"}</dd>
          <dt>Attempt</dt><dd>{run.attempt || "none yet"}</dd>
          {run.runner_id && <><dt>Runner</dt><dd><Link to={`/runners/${run.runner_id}`}>{run.runner_id}</Link></dd></>}
          {run.lease_expires_at && <><dt>Lease</dt><dd>ends <Age at={run.lease_expires_at} ahead /> unless it is renewed</dd></>}
          {run.model && <><dt>Model</dt><dd>{inert(run.model)}</dd></>}
          {run.permission_mode && <><dt>Permissions</dt><dd>{MODES[run.permission_mode] ?? run.permission_mode}</dd></>}
          <dt>When lost</dt><dd>{run.on_lost}{run.repeatable ? ", repeatable" : ""}</dd>
          <dt>Cost</dt><dd><Money usage={run.usage} /> · <Tokens usage={run.usage} /></dd>
          {run.retry_of && <><dt>Retry of</dt><dd><RunOf runId={run.retry_of} /></dd></>}
          <dt>Id</dt><dd><Id id={run.run_id} whole /></dd>
        </dl>
        {run.prompt && <><h2>Prompt</h2><pre className={layout.code} tabIndex={0} dir="auto">{inert(run.prompt.slice(0, 8000))}</pre></>}
      </section>
    </div>
  );
}

function Actions({ run }: { run: Run }) {
  const path = { run_id: run.run_id };
  const end = async () => void (await call("POST /runs/{run_id}/stop", { path, body: {} }));
  const { stop, stopping, question } = useStop(run.session_id, {
    title: "Stop this run?", loses: "What its agent has not saved is lost.", stop: async () => { await end(); return "The stop is on its way."; },
  });
  // What has not begun has nothing below it.
  const [cancel, cancelling] = useAction(async () => { await end(); return "Cancelled; it will not start."; });
  const [retry, retrying] = useAction(async () => {
    const made = await call("POST /runs/{run_id}/retry", { path, body: {}, idempotencyKey: newKey() });
    go(`/runs/${made.run_id}`);
  });
  return (
    <span className={layout.line}>
      {ENDED.has(run.status) ? <Button disabled={retrying} onClick={() => void retry()}>Retry</Button>
        : run.status === "pending" ? <Button look="danger" disabled={cancelling} onClick={() => void cancel()}>Cancel</Button>
          : <Button look="danger" disabled={stopping || run.stop_requested_at !== null} onClick={stop}>Stop</Button>}
      {question}
    </span>
  );
}
