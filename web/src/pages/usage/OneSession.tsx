// The usage of one session: its runs, the dearest first, each leading to its place in the session; models and budget.
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Run, UsageGroup } from "../../api/schema";
import { Link } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Loading, Money, Trouble } from "../../parts/Parts";
import type { Place } from "../Usage";
import { BudgetBar, BudgetForm } from "./Budget";
import { GroupTable } from "./GroupTable";

const MOST = 200;

export function OneSession({ place, from }: { place: Place; from: string }) {
  const path = { session_id: place.session };
  const query = { group_by: "run" as const, order: "cost" as const, from, limit: MOST, session_id: place.session, ...(place.within ? { within: place.within } : {}) };
  const groups = useQuery({ queryKey: ["usage", "groups", query], queryFn: () => call("GET /usage", { query }) });
  const usage = useQuery({ queryKey: ["usage", "session", place.session], queryFn: () => call("GET /sessions/{session_id}/usage", { path }) });
  const runs = useQuery({ queryKey: ["usage", "runs", place.session], queryFn: () => call("GET /sessions/{session_id}/runs", { path, query: { limit: MOST } }) });
  const starts = useQuery({ queryKey: ["usage", "starts", place.session], queryFn: () => call("GET /sessions/{session_id}/events", { path, query: { types: "run_start", limit: MOST } }) });
  if (groups.data === undefined || starts.isLoading) return groups.error ? <Trouble problem={groups.error} again={() => void groups.refetch()} /> : <Loading what="the runs" />;
  const seqs = new Map(starts.data?.items.map((event) => [event.run_id, event.seq]));
  const byId = new Map(runs.data?.items.map((run) => [run.run_id, run]));
  const next = (group: UsageGroup) => {
    const seq = seqs.get(group.key);
    return `/sessions/${place.session}${seq === undefined ? "" : `?event=${seq}`}`;
  };
  return (
    <>
      {groups.data.items.length === 0 ? <p className={layout.soft}>It used nothing in this time.</p>
        : <GroupTable heading="Run" items={groups.data.items} next={next} nameOf={(group) => `Run ${group.name ?? group.key.slice(-6)}`} note={(group) => lineOf(byId.get(group.key))} />}
      {usage.error ? <Trouble problem={usage.error} /> : usage.data && (
        <section className={layout.card} aria-label="The session as a whole">
          <h2>The session as a whole</h2>
          <p className={layout.line}><span>Itself <Money usage={usage.data.self} /></span><span>With all below it <Money usage={usage.data.subtree} /></span>
            <Link to={`/sessions/${place.session}`}>Session</Link><Link to={`/tree/${place.session}`}>Tree</Link></p>
          {usage.data.by_model.length > 0 && <p className={layout.tags}>{usage.data.by_model.map((group) => <span key={group.key} className={layout.tag}>{inert(group.key)} <Money usage={group.usage} /></span>)}</p>}
          {usage.data.budget && <><p className={layout.soft}>{usage.data.budget.session_id === place.session ? "Its budget, of which all below it draws:" : <>It draws from the budget of <Link to={`/sessions/${usage.data.budget.session_id}`}>a session above it</Link>:</>}</p>
            <BudgetBar budget={usage.data.budget} /></>}
          <BudgetForm key={String(usage.data.budget?.budget_microdollars)} sessionId={place.session} budget={usage.data.budget} />
        </section>
      )}
    </>
  );
}

/** How the run's prompt begins. */
function lineOf(run: Run | undefined): string {
  const line = (run?.prompt ?? "").split("\n").find((one) => one.trim()) ?? "";
  return inert(line.slice(0, 160));
}
