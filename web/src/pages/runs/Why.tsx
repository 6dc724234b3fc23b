// Why a run is where it is, in the coordinator's words: what it demands, what every runner says, and what would help.
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Why, WhyRunner } from "../../api/schema";
import { Link } from "../../navigation";
import { short } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Loading, State, Trouble } from "../../parts/Parts";
import { RUNNER_LOOKS } from "../../parts/states";
import css from "./Rows.module.css";

const SHOWN = 20;

/** Its answer, read again with the lists of runs. */
export function useWhy(runId: string) {
  return useQuery<Why, Error>({
    queryKey: ["runs", "why", runId],
    queryFn: () => call("GET /runs/{run_id}/why", { path: { run_id: runId } }),
    refetchInterval: (query) => (query.state.data?.status === "pending" ? 10_000 : false),
  });
}

export function Answers({ runId }: { runId: string }) {
  const why = useWhy(runId);
  if (why.data === undefined) return why.error ? <Trouble problem={why.error} again={() => void why.refetch()} /> : <Loading what="what the runners say" />;
  return (
    <div className={css.answers}>
      <NextStep why={why.data} />
      <Deadlines why={why.data} />
      <Runners runners={why.data.runners} />
    </div>
  );
}

export function Runners({ runners }: { runners: readonly WhyRunner[] }) {
  if (runners.length === 0) return <p>No runner is registered. Start one on the machine that is to work: <code>callboard runner</code></p>;
  return (
    <>
      {runners.slice(0, SHOWN).map((runner) => (
        <div key={runner.runner_id} className={css.runner}>
          <span className={layout.line}>
            <Link to={`/runners/${runner.runner_id}`}>{inert(runner.name || runner.hostname)}</Link>
            <State look={RUNNER_LOOKS[runner.state] ?? { icon: "•", word: runner.state, tone: "wait" }} bare />
          </span>
          {runner.reasons.length === 0 ? <span className={css.takes}>✓ It takes the run with its next poll.</span> : (
            <ul className={css.reasons}>{runner.reasons.map((reason) => <li key={reason.code + reason.sentence}>{inert(reason.sentence)}</li>)}</ul>
          )}
        </div>
      ))}
      {runners.length > SHOWN && <p className={layout.soft}>{runners.length - SHOWN} more do not take it either; those that come nearest stand first.</p>}
    </>
  );
}

export function NextStep({ why }: { why: Why }) {
  if (!why.next_step) return null;
  const [words, command] = splitCommand(why.next_step);
  return <p className={css.next}><strong>What helps:</strong> {inert(words)} {command && <code>{inert(command)}</code>}</p>;
}

/** A hint ends with the command to type, if it has one. */
function splitCommand(text: string): [string, string] {
  const at = text.indexOf("callboard ");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

const DEADLINES: readonly [keyof Why, string][] = [
  ["no_match_deadline_at", "fails unless a runner fits"], ["queue_deadline_at", "fails unless it is taken"],
  ["lost_deadline_at", "is given up unless its runner comes back"], ["moves_at", "other hosts may take it"],
];

export function Deadlines({ why }: { why: Why }) {
  const set = DEADLINES.filter(([name]) => why[name]);
  if (set.length === 0) return null;
  return <p className={layout.line}>{set.map(([name, word]) => <span key={name}>It {word} <Until at={String(why[name])} />.</span>)}</p>;
}

function Until({ at }: { at: string }) {
  return <strong><Age at={at} ahead /></strong>;
}

/** What a run asks of a runner, as words. */
export function Demands({ demands }: { demands: Record<string, unknown> }) {
  const tags = Array.isArray(demands.tags) ? demands.tags : [];
  const places = ([["hostname", "on"], ["project_dir", "in"]] as const).filter(([name]) => typeof demands[name] === "string");
  return (
    <span className={layout.tags} aria-label="Demands">
      <span className={layout.tag}>{inert(String(demands.executor_type ?? ""))}</span>
      {tags.map((tag) => <span key={String(tag)} className={layout.tag}>tag {inert(String(tag))}</span>)}
      {places.map(([name, word]) => <span key={name} className={layout.tag}>{word} {inert(String(demands[name]))}</span>)}
    </span>
  );
}

export function RunOf({ runId }: { runId: string }) {
  return <Link to={`/runs/${runId}`}>…{short(runId)}</Link>;
}
