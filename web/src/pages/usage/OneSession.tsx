// The usage of one session: its runs, the dearest first, each leading to the turn that cost most of it; the dearest turns
// of all; models and budget.
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Event, Run, SessionUsage, UsageGroup } from "../../api/schema";
import { useFresh } from "../../live/fresh";
import { Link } from "../../navigation";
import { count, money, timeOfDay } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Loading, Money, Trouble } from "../../parts/Parts";
import { Named } from "../../parts/Named";
import type { Place } from "./address";
import { BudgetBar } from "./Budget";
import { BudgetForm } from "./BudgetForm";
import { RaiseLink } from "./BudgetOf";
import { GroupTable } from "./GroupTable";

const MOST = 200;
const MOST_PAGES = 10;
const SHOWN_TURNS = 10;
const TURNS_GATHER_MS = 5_000;
const NO_USAGE = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, turns: 0, unpriced: false };

export function OneSession({ place, from }: { place: Place; from: string }) {
  useFresh(["turns", place.session], (event) => event.type === "usage" && event.session_id === place.session, TURNS_GATHER_MS);
  const path = { session_id: place.session };
  const query = { group_by: "run" as const, order: "cost" as const, from, limit: MOST, session_id: place.session, ...(place.within ? { within: place.within } : {}) };
  const groups = useQuery({ queryKey: ["usage", "groups", query], queryFn: () => call("GET /usage", { query }) });
  const usage = useQuery({ queryKey: ["usage", "session", place.session], queryFn: () => call("GET /sessions/{session_id}/usage", { path }) });
  const runs = useQuery({ queryKey: ["usage", "runs", place.session], queryFn: () => call("GET /sessions/{session_id}/runs", { path, query: { limit: MOST } }) });
  const turns = useQuery({ queryKey: ["turns", place.session], queryFn: ({ signal }) => readTurns(place.session, signal) });
  if (groups.data === undefined || turns.isLoading) return groups.error ? <Trouble problem={groups.error} again={() => void groups.refetch()} /> : <Loading what="the runs" />;
  const dearest = [...(turns.data?.turns ?? [])].sort((one, other) => (other.cost ?? -1) - (one.cost ?? -1) || other.tokens - one.tokens);
  // The first of each run is its dearest.
  const seqs = new Map([...dearest].reverse().map((turn) => [turn.run_id, turn.seq]));
  const byId = new Map(runs.data?.items.map((run) => [run.run_id, run]));
  const next = (group: UsageGroup) => {
    const seq = seqs.get(group.key);
    return eventAddress(place.session, seq);
  };
  return (
    <>
      {groups.data.items.length === 0 ? <p className={layout.soft}>It used nothing in this time.</p>
        : <GroupTable heading="Run" items={groups.data.items} next={next} nameOf={(group) => `Run ${group.name ?? group.key.slice(-6)}`} note={(group) => lineOf(byId.get(group.key))} />}
      {dearest.length > 1 && (
        <section className={layout.card} aria-label="The dearest turns">
          <h2>The dearest turns</h2>
          {turns.data?.more && <p className={layout.soft}>Of the first {turns.data.turns.length} turns.</p>}
          <ol className={layout.form}>
            {dearest.slice(0, SHOWN_TURNS).map((turn) => (
              <li key={turn.seq} className={layout.line}>
                <Link to={eventAddress(place.session, turn.seq)}>Run {byId.get(turn.run_id ?? "")?.number ?? "–"}, {timeOfDay(turn.at)}</Link>
                <span className={layout.soft}>{inert(turn.model)} · {count(turn.tokens)} tokens</span>
                <span className={`${layout.end} ${layout.number}`}>{money({ ...NO_USAGE, cost_microdollars: turn.cost, estimated: turn.estimated })}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      {usage.error ? <Trouble problem={usage.error} /> : usage.data && (
        <section className={layout.card} aria-label="The session as a whole">
          <h2>The session as a whole</h2>
          <p className={layout.line}><span>Itself <Money usage={usage.data.self} /></span><span>With all below it <Money usage={usage.data.subtree} /></span>
            <Link to={`/sessions/${place.session}`}>Session</Link><Link to={`/tree/${place.session}`}>Tree</Link></p>
          {usage.data.by_model.length > 0 && <p className={layout.tags}>{usage.data.by_model.map((group) => <span key={group.key} className={layout.tag}>{inert(group.key)} <Money usage={group.usage} /></span>)}</p>}
          <BudgetPart sessionId={place.session} usage={usage.data} />
        </section>
      )}
    </>
  );
}

/** What it may spend: set where its budget is, which may be that of a session above it. */
function BudgetPart({ sessionId, usage }: { sessionId: string; usage: SessionUsage }) {
  const { budget } = usage;
  if (budget !== null && budget.session_id !== sessionId) {
    return (
      <>
        <p>It draws from the budget of <Named text={budget.session_id} />, a session above it:</p>
        <BudgetBar budget={budget} />
        <p className={layout.soft}>What it may spend is changed there: <RaiseLink session={{ session_id: sessionId, budget }} /></p>
      </>
    );
  }
  const unpriced = usage.subtree.unpriced && budget?.budget_microdollars != null;
  return (
    <>
      {budget && <><p className={layout.soft}>Its budget, of which all below it draws{budget.above_session_id && <>; it lies in that of <Named text={budget.above_session_id} /></>}:</p><BudgetBar budget={budget} /></>}
      {unpriced && <p>Some of what it used has no known price, so that a budget in dollars cannot be kept: empty the dollars, and set one in tokens.</p>}
      <BudgetForm key={`${budget?.budget_microdollars} ${budget?.budget_tokens}`} sessionId={sessionId} budget={budget} />
    </>
  );
}

interface Turn {
  seq: number;
  at: string;
  run_id: string | null;
  model: string;
  tokens: number;
  cost: number | null;
  estimated: boolean;
}

const FIGURES = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"] as const;

/** What each turn was booked with: one event of the log, of one or a few calls to a model. */
async function readTurns(sessionId: string, signal: AbortSignal): Promise<{ turns: Turn[]; more: boolean }> {
  const turns: Turn[] = [];
  let page: string | null | undefined;
  for (let read = 0; read < MOST_PAGES; read++) {
    const found = await call("GET /sessions/{session_id}/events", {
      path: { session_id: sessionId }, query: { types: "usage", limit: MOST, ...(page ? { page } : {}) }, signal,
    });
    turns.push(...found.items.map(turnOf));
    page = found.next_page;
    if (!page) return { turns, more: false };
  }
  return { turns, more: true };
}

function turnOf(event: Event): Turn {
  const booked = (event.payload as { rows?: unknown }).rows;
  const rows = (Array.isArray(booked) ? booked : []) as Record<string, unknown>[];
  const costs = rows.map((row) => row.cost_microdollars).filter((cost): cost is number => typeof cost === "number");
  const tokens = rows.flatMap((row) => FIGURES.map((name) => (typeof row[name] === "number" ? row[name] : 0)));
  return {
    seq: event.seq, at: event.at, run_id: event.run_id, model: [...new Set(rows.map((row) => String(row.model)))].join(", "),
    tokens: sum(tokens), cost: costs.length > 0 ? sum(costs) : null, estimated: rows.some((row) => row.estimated === true),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function eventAddress(sessionId: string, seq: number | undefined): string {
  return `/sessions/${sessionId}${seq === undefined ? "" : `?event=${seq}`}`;
}

/** How the run's prompt begins. */
function lineOf(run: Run | undefined): string {
  const line = (run?.prompt ?? "").split("\n").find((one) => one.trim()) ?? "";
  return inert(line.slice(0, 160));
}
