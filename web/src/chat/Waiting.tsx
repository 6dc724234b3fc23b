// What was said and stands in no log yet: being sent, refused, queued as a run, or lying before a working agent.
import { useEffect, useMemo } from "react";
import { call } from "../api/client";
import type { Run, Session } from "../api/schema";
import { useStore } from "../live/stores";
import type { Timeline } from "../live/timeline";
import { useAction } from "../parts/actions";
import { inert } from "../parts/inert";
import { Button, State } from "../parts/Parts";
import { offeredMessages, shownPrompts } from "./conversation";
import { forget, outbox, sendAgain, type Outgoing } from "./outbox";
import { noteTakenBack } from "./takenBack";
import css from "./Chat.module.css";

export interface Waiting {
  kind: "waiting";
  key: string;
  text: string;
  state: "sending" | "refused" | "queued" | "starting" | "offered";
  why?: string;
  run_id?: string;
  outgoing?: Outgoing;
}

const OPEN = new Set(["pending", "claimed", "running", "stopping", "interrupted"]);

export function useWaiting(session: Session, timeline: Timeline, runs: readonly Run[]): readonly Waiting[] {
  const all = useStore(outbox);
  const own = useMemo(() => all.filter((one) => one.scope === session.session_id), [all, session.session_id]);
  const shown = useMemo(() => shownPrompts(timeline), [timeline]);
  const waiting = useMemo(() => waitingOf(own, shown, timeline, runs), [own, shown, timeline, runs]);
  useEffect(() => {
    for (const one of own) if (one.state === "accepted" && isShown(one, shown, runs)) forget(one.key);
  }, [own, shown, runs]);
  return waiting;
}

/** Whether log or queue show it by themselves. */
function isShown(one: Outgoing, shown: ReturnType<typeof shownPrompts>, runs: readonly Run[]): boolean {
  if (one.delivery === "live") return shown.messages.has(one.message_id ?? "");
  const runId = one.run_id ?? "";
  return shown.runs.has(runId) || shown.ended.has(runId) || runs.some((run) => run.run_id === runId);
}

function waitingOf(own: readonly Outgoing[], shown: ReturnType<typeof shownPrompts>, timeline: Timeline, runs: readonly Run[]): Waiting[] {
  const found: Waiting[] = [];
  const offered = offeredMessages(timeline);
  for (const run of [...runs].reverse()) {
    if (run.prompt === null || !OPEN.has(run.status) || shown.runs.has(run.run_id) || shown.ended.has(run.run_id)) continue;
    found.push({ kind: "waiting", key: `run ${run.run_id}`, text: run.prompt, state: run.status === "pending" ? "queued" : "starting", run_id: run.run_id });
  }
  for (const one of offered) found.push({ kind: "waiting", key: `message ${one.message_id}`, text: one.text, state: "offered" });
  for (const one of own) {
    if (one.state === "accepted" && (isShown(one, shown, runs) || offered.some((other) => other.message_id === one.message_id))) continue;
    const refused = one.state === "refused" || one.state === "old";
    found.push({ kind: "waiting", key: `out ${one.key}`, text: one.text, state: refused ? "refused" : "sending", outgoing: one, ...(one.why ? { why: one.why } : {}) });
  }
  return found;
}

const LOOKS = {
  sending: { icon: "◷", word: "Being sent", tone: "wait" },
  refused: { icon: "✕", word: "Not sent", tone: "bad" },
  queued: { icon: "◷", word: "Queued", tone: "wait" },
  starting: { icon: "▶", word: "Starting", tone: "work" },
  offered: { icon: "◷", word: "Not heard yet", tone: "wait" },
} as const;

export function WaitingView({ one, onTakeBack }: { one: Waiting; onTakeBack: (text: string) => void }) {
  const [cancel, busy] = useAction(async (edit: boolean) => {
    await call("POST /runs/{run_id}/stop", { path: { run_id: one.run_id ?? "" }, body: {} });
    noteTakenBack(one.run_id ?? "");
    if (edit) onTakeBack(one.text);
  });
  const { outgoing } = one;
  return (
    <div className={css.block}>
      <div className={`${css.person} ${css.waiting}`}>
        <span className="unseen">You: </span>
        <div className={css.prose} dir="auto">{inert(one.text)}</div>
        <div className={css.waitingFoot}>
          <State look={LOOKS[one.state]} />
          {one.why && <span role="alert">{inert(one.why)}</span>}
          {one.state === "queued" && (
            <>
              <Button look="quiet" disabled={busy} onClick={() => void cancel(true)}>Change</Button>
              <Button look="quiet" disabled={busy} onClick={() => void cancel(false)}>Remove</Button>
            </>
          )}
          {one.state === "sending" && outgoing && outgoing.state === "sending" && !outgoing.tried && (
            <>
              <Button look="quiet" onClick={() => { forget(outgoing.key); onTakeBack(outgoing.text); }}>Change</Button>
              <Button look="quiet" onClick={() => forget(outgoing.key)}>Remove</Button>
            </>
          )}
          {one.state === "refused" && outgoing && (
            <>
              <Button look="quiet" onClick={() => sendAgain(outgoing)}>Send again</Button>
              <Button look="quiet" onClick={() => { forget(outgoing.key); onTakeBack(outgoing.text); }}>Change</Button>
              <Button look="quiet" onClick={() => forget(outgoing.key)}>Discard</Button>
            </>
          )}
        </div>
      </div>
    </div>
  );
}
