// The runners: what each is and offers, how full and how well it is, and what a person can do about it.
import { useQuery } from "@tanstack/react-query";
import { call, Problem } from "../api/client";
import type { Runner } from "../api/schema";
import { useFresh } from "../live/fresh";
import type { Event } from "../live/types";
import { Link } from "../navigation";
import { short } from "../parts/format";
import { inert } from "../parts/inert";
import layout from "../parts/layout.module.css";
import { troublesOf } from "../parts/machine";
import { Age, Loading, State, Trouble } from "../parts/Parts";
import { RUNNER_LOOKS } from "../parts/states";
import type { Parameters } from "../routes";
import css from "./Runners.module.css";
import { Gauges } from "./runners/Machine";
import { OneRunner } from "./runners/OneRunner";

/** Heartbeats are no events: how a runner is, is asked for as often as it tells. */
export const BEAT_MS = 10_000;
const MOVES = new Set(["run_claimed", "run_start", "run_completed", "run_interrupted", "run_reconnected"]);
const MOST = 200;
const SKEW_MS = 5_000;

export const moves = (event: Event) => MOVES.has(event.type);

export default function RunnersPage({ parameters }: { parameters: Parameters }) {
  return parameters.runner_id ? <OneRunner key={parameters.runner_id} runnerId={parameters.runner_id} /> : <AllRunners />;
}

/** Every runner, as often as they tell how they are. */
export function useRunners() {
  useFresh(["runners"], moves);
  return useQuery<Runner[], Error>({
    queryKey: ["runners", "all"],
    queryFn: async () => {
      const found: Runner[] = [];
      let page: string | null | undefined;
      do {
        const next = await call("GET /runners", { query: { limit: MOST, ...(page ? { page } : {}) } });
        found.push(...next.items);
        page = next.next_page;
      } while (page && found.length < 1000);
      return found.sort((one, other) => rank(one) - rank(other) || nameOfRunner(one).localeCompare(nameOfRunner(other)));
    },
    refetchInterval: BEAT_MS,
  });
}

const RANK = ["lost", "draining", "online"];
function rank(runner: Runner): number {
  // A lost runner that still has runs is what somebody should look at; one without is only old.
  return runner.state === "lost" && runner.live_runs === 0 ? 3 : RANK.indexOf(runner.state);
}

export function nameOfRunner(runner: Runner): string {
  return inert(runner.name || runner.hostname);
}

function AllRunners() {
  const runners = useRunners();
  const all = runners.data;
  if (all === undefined) {
    return <div className={layout.page}><h1>Runners</h1>{runners.error ? <Trouble problem={runners.error} again={() => void runners.refetch()} /> : <Loading what="the runners" />}</div>;
  }
  const online = all.filter((runner) => runner.state === "online");
  const sum = (of: (runner: Runner) => number) => online.reduce((total, runner) => total + of(runner), 0);
  return (
    <div className={layout.page}>
      <div className={layout.head}>
        <h1>Runners</h1>
        {all.length > 0 && <span className={`${layout.soft} ${layout.number}`}>{online.length} of {all.length} online · {sum((one) => one.live_runs)} of {sum((one) => one.slots)} slots in use</span>}
      </div>
      {runners.error instanceof Problem && <Trouble problem={runners.error} />}
      {all.length === 0 ? (
        <div className={layout.first}>
          <h2>No machine works for you yet</h2>
          <p>A runner is started on the machine that is to work. It dials out; it needs no open port.</p>
          <pre tabIndex={0}><code>callboard runner --url {location.origin} --token-file FILE --project-dir DIR --tag gpu</code></pre>
          <p className={layout.soft}>FILE holds the runner token: <code>runner-token</code> in the coordinator's data directory. <code>callboard up</code> starts a coordinator and a runner together.</p>
        </div>
      ) : (
        <ul className={css.grid}>{all.map((runner) => <li key={runner.runner_id}><Card runner={runner} versions={all} /></li>)}</ul>
      )}
    </div>
  );
}

function Card({ runner, versions }: { runner: Runner; versions: readonly Runner[] }) {
  return (
    <article className={layout.card}>
      <div className={layout.line}>
        <State look={RUNNER_LOOKS[runner.state] ?? { icon: "•", word: runner.state, tone: "wait" }} />
        <h2 className={css.name}><Link to={`/runners/${runner.runner_id}`}>{nameOfRunner(runner)}</Link></h2>
        <span className={`${layout.end} ${layout.soft} ${layout.small}`}><Age at={runner.last_heard_at} before="heard " after=" ago" /></span>
      </div>
      <Slots runner={runner} />
      <Gauges facts={runner.facts} />
      <Warnings runner={runner} all={versions} />
      <p className={css.place}>{runner.name && <>{inert(runner.hostname)}:</>}{inert(runner.project_dir)}</p>
      <Offer runner={runner} />
    </article>
  );
}

/** How many of its slots are in use, as a bar and in words. */
export function Slots({ runner }: { runner: Runner }) {
  const part = runner.slots > 0 ? Math.min(1, runner.live_runs / runner.slots) : 0;
  return (
    <div className={css.slots}>
      <div className={css.bar} aria-hidden="true"><div style={{ inlineSize: `${part * 100}%` }} data-full={part >= 1} /></div>
      <Link to={`/runs?status=running&runner=${runner.runner_id}`} className={layout.number}>{runner.live_runs} of {runner.slots} slots in use</Link>
    </div>
  );
}

export function Offer({ runner }: { runner: Runner }) {
  return (
    <span className={layout.tags}>
      {runner.executor_types.map((name) => <span key={name} className={`${layout.tag} ${css.executor}`}>{inert(name)}</span>)}
      {runner.tags.map((tag) => <span key={tag} className={layout.tag}>{inert(tag)}</span>)}
      {runner.require_matching_tags && <span className={layout.tag}>only runs with one of its tags</span>}
    </span>
  );
}

/** What is wrong with it, each with what to do. */
export function Warnings({ runner, all }: { runner: Runner; all: readonly Runner[] }) {
  const newest = all.map((one) => one.version).sort((one, other) => other.localeCompare(one, undefined, { numeric: true }))[0];
  const found: string[] = [];
  if (runner.state === "lost" && runner.live_runs > 0) found.push(`Not heard of, with ${runs(runner.live_runs)} that it may still be doing. They go on when it comes back.`);
  else if (runner.state === "lost") found.push("Not heard of: look whether its machine is up, start it again there, or remove it.");
  if (Math.abs(runner.clock_skew_ms) >= SKEW_MS) found.push(`Its clock is ${Math.round(Math.abs(runner.clock_skew_ms) / 1000)} s ${runner.clock_skew_ms > 0 ? "ahead" : "behind"}: set it by NTP. Leases do not depend on it; the times in its logs do.`);
  if (newest && runner.version !== newest) found.push(`It has version ${runner.version || "–"}, another one ${newest}: install that and start it again; its agents go on meanwhile.`);
  if (runner.executor_types.length === 0) found.push("It found no executor that works, so it takes no run: `callboard doctor` on its machine says why.");
  if (runner.state !== "lost") found.push(...troublesOf(runner.facts).map(inert));
  if (found.length === 0) return null;
  return <ul className={css.warnings}>{found.map((text) => <li key={text}><span aria-hidden="true">!</span> {text}</li>)}</ul>;
}

export function runs(count: number): string {
  return count === 1 ? "one run" : `${count} runs`;
}

export function RunnerLink({ runnerId }: { runnerId: string }) {
  return <Link to={`/runners/${runnerId}`}>…{short(runnerId)}</Link>;
}
