// One runner: its facts, the runs that it holds with their leases, and drain, resume and remove with what that costs.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, Problem } from "../../api/client";
import type { Run, Runner } from "../../api/schema";
import { useFresh } from "../../live/fresh";
import { board, useStore } from "../../live/stores";
import { go, Link } from "../../navigation";
import { tell, useAction } from "../../parts/actions";
import { moment } from "../../parts/format";
import { asText, inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Dialog, Empty, Id, Loading, State, Took, Trouble } from "../../parts/Parts";
import { lookOf, RUNNER_LOOKS } from "../../parts/states";
import { useShownName } from "../../parts/title";
import { BEAT_MS, moves, nameOfRunner, Offer, runs, Slots, useRunners, Warnings } from "../Runners";
import css from "../Runners.module.css";
import { useNameOf } from "../runs/Rows";
import { Gauges, MachineFacts } from "./Machine";

const SHOWN_APART = new Set(["machine", "clients", "worktrees", "refused_agents"]);
const LIVE = ["claimed", "running", "interrupted"] as const;

export function OneRunner({ runnerId }: { runnerId: string }) {
  useFresh(["runners", runnerId], moves);
  const all = useRunners();
  const runner = useQuery<Runner, Error>({
    queryKey: ["runners", runnerId, "itself"],
    queryFn: () => call("GET /runners/{runner_id}", { path: { runner_id: runnerId } }),
    refetchInterval: BEAT_MS,
  });
  const live = useQuery<Run[], Error>({
    queryKey: ["runners", runnerId, "live"],
    queryFn: async () => (await Promise.all(LIVE.map((status) => call("GET /runs", { query: { runner_id: runnerId, status, limit: 100 } })))).flatMap((page) => page.items),
    refetchInterval: BEAT_MS,
  });
  useShownName(runner.data && nameOfRunner(runner.data));
  const missing = runner.error instanceof Problem && runner.error.status < 500 && runner.error.status > 0;
  if (runner.data === undefined || missing) {
    return (
      <div className={layout.page}>
        {runner.error ? <Trouble whole problem={runner.error} {...(missing ? {} : { again: () => void runner.refetch() })} /> : <Loading what="the runner" />}
        {runner.error && <p><Link to="/runners">All runners</Link></p>}
      </div>
    );
  }
  return (
    <div className={layout.page}>
      <p className={layout.crumbs}><Link to="/runners">Runners</Link> <span aria-hidden="true">›</span> <span className={layout.soft}>{nameOfRunner(runner.data)}</span></p>
      <div className={layout.head}>
        <State look={RUNNER_LOOKS[runner.data.state] ?? { icon: "•", word: runner.data.state, tone: "wait" }} />
        <h1>{nameOfRunner(runner.data)}</h1>
        <Actions runner={runner.data} live={live.data ?? []} />
      </div>
      <Warnings runner={runner.data} all={all.data ?? []} />
      <section className={layout.card} aria-labelledby="live-runs">
        <h2 id="live-runs">Runs that it holds</h2>
        <Slots runner={runner.data} />
        <Gauges facts={runner.data.facts} />
        {live.data === undefined ? (live.error ? <Trouble problem={live.error} /> : <Loading what="its runs" />) : live.data.length === 0 ? <Empty>None. {runner.data.state === "draining" && "It is drained: nothing would be lost by ending it."}</Empty> : (
          <ul className={css.live}>{live.data.map((run) => <LiveRun key={run.run_id} run={run} />)}</ul>
        )}
      </section>
      <Facts runner={runner.data} />
    </div>
  );
}

function LiveRun({ run }: { run: Run }) {
  const name = useNameOf(run);
  return (
    <li>
      <State look={lookOf({ status: run.status })} bare />
      <Link to={`/sessions/${run.session_id}`} className={css.run} dir="auto">{name}</Link>
      <span className={layout.soft}>run {run.number}, attempt {run.attempt}</span>
      {run.started_at && <span className={layout.soft}>for <Took from={run.started_at} to={null} /></span>}
      <span className={`${layout.end} ${layout.soft} ${layout.small}`}>{run.lease_expires_at ? <>lease ends <Age at={run.lease_expires_at} ahead /></> : "no lease"}</span>
    </li>
  );
}

function Facts({ runner }: { runner: Runner }) {
  return (
    <section className={layout.card} aria-label="Properties">
      <h2>Properties</h2>
      <dl className={layout.facts}>
        <dt>Host</dt><dd>{inert(runner.hostname)}</dd>
        <dt>Directory</dt><dd className={layout.mono}>{inert(runner.project_dir)}</dd>
        <dt>May work in</dt><dd className={layout.mono}>{runner.roots.map((root) => <div key={root}>{inert(root)}</div>)}</dd>
        <dt>Offers</dt><dd><Offer runner={runner} /></dd>
        <dt>Heard</dt><dd><Age at={runner.last_heard_at} after=" ago" /></dd>
        <dt>Joined</dt><dd>{moment(runner.registered_at)}; {runner.epoch === 1 ? "not restarted since" : `started ${runner.epoch} times`}</dd>
        <dt>Version</dt><dd>{runner.version || "–"}</dd>
        <dt>Clock</dt><dd>{runner.clock_skew_ms === 0 ? "as the coordinator's" : `${(runner.clock_skew_ms / 1000).toFixed(1)} s off`}</dd>
        <MachineFacts facts={runner.facts} />
        {Object.entries(runner.facts).filter(([name]) => !SHOWN_APART.has(name)).map(([name, value]) => <Fact key={name} name={name} value={value} />)}
        <dt>Id</dt><dd><Id id={runner.runner_id} whole /></dd>
      </dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: unknown }) {
  return <><dt>{inert(name.slice(0, 1).toUpperCase() + name.slice(1).replaceAll("_", " "))}</dt><dd>{asText(value).slice(0, 2000)}</dd></>;
}

function Actions({ runner, live }: { runner: Runner; live: readonly Run[] }) {
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const path = { runner_id: runner.runner_id };
  const [turn, turning] = useAction(async () => {
    await call(runner.draining ? "POST /runners/{runner_id}/resume" : "POST /runners/{runner_id}/drain", { path, body: {} });
    await queries.invalidateQueries({ queryKey: ["runners"] });
    if (runner.draining) return "It takes runs again.";
    return live.length > 0 ? `It takes no new run; ${runs(live.length)} may finish.` : "It takes no new run.";
  });
  return (
    <span className={layout.line}>
      <Button disabled={turning} onClick={() => void turn()}>{runner.draining ? "Resume" : "Drain"}</Button>
      <Button look="danger" onClick={() => setAsking(true)}>Remove</Button>
      {asking && <Remove runner={runner} live={live} onClose={() => setAsking(false)} />}
    </span>
  );
}

function Remove({ runner, live, onClose }: { runner: Runner; live: readonly Run[]; onClose: () => void }) {
  const rows = useStore(board).state.rows;
  const bound = Object.values(rows).filter((row) => row.binding?.ended_at === null && row.binding.runner_id === runner.runner_id && !row.portable).length;
  const queries = useQueryClient();
  const [remove, removing] = useAction(async () => {
    await call("DELETE /runners/{runner_id}", { path: { runner_id: runner.runner_id } });
    go("/runners", { replace: true });
    tell(`${nameOfRunner(runner)} is removed.`);
    await queries.invalidateQueries({ queryKey: ["runners", "all"] });
  });
  return (
    <Dialog title={`Remove ${nameOfRunner(runner)}?`} onClose={onClose}>
      {live.length > 0 ? (
        <>
          <p>It still holds {runs(live.length)}. Drain it and wait until they have ended, or stop them first:</p>
          <ul>{live.slice(0, 10).map((run) => <li key={run.run_id}><LiveName run={run} /></li>)}</ul>
        </>
      ) : (
        <>
          <p>What is lost:</p>
          <ul className={layout.form}>
            <li>• Its credential. {runner.state === "lost" ? "Should it come back, it has to join anew with the runner token." : "Its process ends; started again, it has to join anew with the runner token."}</li>
            <li>• {bound > 0 ? `${bound} session${bound === 1 ? "" : "s"} of the callboard ${bound === 1 ? "has its" : "have their"} conversation there. To resume them a runner of the host ${inert(runner.hostname)} has to join again.` : "No session of the callboard has its conversation there."}</li>
            <li>• Waiting runs that it alone could take fail after their time for finding a runner, 5 minutes unless they say otherwise.</li>
          </ul>
          <p className={layout.soft}>Nothing on its machine is deleted: worktrees, transcripts and its state folder stay.</p>
        </>
      )}
      <div className={layout.line}>
        <Button look="danger" disabled={removing || live.length > 0} onClick={() => void remove()}>Remove the runner</Button>
        <Button onClick={onClose}>Keep it</Button>
      </div>
    </Dialog>
  );
}

function LiveName({ run }: { run: Run }) {
  const name = useNameOf(run);
  return <Link to={`/sessions/${run.session_id}`}>{name}</Link>;
}
