// The runs of a session that wait, at the end of its timeline: what was said, why nobody hears it yet, and how it is taken back.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../../api/client";
import type { Run, Session } from "../../api/schema";
import { Link } from "../../navigation";
import { useAction } from "../../parts/actions";
import { inert } from "../../parts/inert";
import { Named } from "../../parts/Named";
import { Button, State } from "../../parts/Parts";
import { lookOf } from "../../parts/states";
import { RaiseLink } from "../usage/BudgetOf";
import { Folded } from "./Items";
import css from "./Items.module.css";

export interface WaitsItem {
  kind: "waits";
  key: string;
  /** Behind all that has happened. */
  seq: number;
  run: Run;
}

const MOST = 20;
const WHY_MS = 10_000;

/** The runs that wait, in their order, behind the event of this number. */
export function useWaits(session: Session, last: number): readonly WaitsItem[] {
  const path = { session_id: session.session_id };
  const runs = useQuery({ queryKey: ["session", session.session_id, "runs"], queryFn: () => call("GET /sessions/{session_id}/runs", { path }) });
  return useMemo(() => {
    const waiting = ((runs.data?.items ?? []) as Run[]).filter((run) => run.status === "pending").sort((one, other) => one.number - other.number);
    return waiting.slice(0, MOST).map((run) => ({ kind: "waits" as const, key: `waits ${run.run_id}`, seq: last + 1, run }));
  }, [runs.data, last]);
}

export function WaitsView({ run, session }: { run: Run; session: Session }) {
  const queries = useQueryClient();
  const why = useQuery({
    queryKey: ["session", session.session_id, "why", run.run_id],
    queryFn: () => call("GET /runs/{run_id}/why", { path: { run_id: run.run_id } }),
    refetchInterval: WHY_MS,
  });
  const [remove, removing] = useAction(async () => {
    await call("POST /runs/{run_id}/stop", { path: { run_id: run.run_id }, body: {} });
    await queries.invalidateQueries({ queryKey: ["session", session.session_id] });
  });
  return (
    <div className={css.item}>
      <span className={css.time}>waits</span>
      <div className={css.body}>
        <div className={css.endHead}>
          <Link to={`/runs/${run.run_id}`}>Run {run.number}</Link><State look={lookOf({ status: run.status })} />
          {why.data && <span><Named text={why.data.sentence} own={session.session_id} /></span>}
          {why.data?.code === "budget" && <RaiseLink session={session} reason={why.data.sentence} />}
          <Button look="quiet" disabled={removing} onClick={() => void remove()}>Remove</Button>
        </div>
        {run.prompt && <div className={css.user}><span className="unseen">Prompt: </span><Folded text={inert(run.prompt)} prose foldAt={700} /></div>}
      </div>
    </div>
  );
}
