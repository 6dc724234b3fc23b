// The conversation with one session: what was said as it is said, what waits, and the box to say more. The dashboard and
// the standalone chat show the same.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { call, Problem } from "../api/client";
import type { Run, Session } from "../api/schema";
import { useKeys } from "../keyboard/registry";
import { connection, SessionLog, useStore } from "../live/stores";
import { tell, useAction } from "../parts/actions";
import { NUMBER_KEYS } from "../parts/QuestionCard";
import { Earlier } from "../parts/Earlier";
import { keep } from "../parts/kept";
import { Button, Empty, Loading, SessionState, Took, Trouble } from "../parts/Parts";
import { useStop } from "../parts/stop";
import { VirtualList } from "../parts/VirtualList";
import { BlockView } from "./Blocks";
import { conversationOf, type Block } from "./conversation";
import { flush, forget, send, type How } from "./outbox";
import { noteTakenBack, takenBack } from "./takenBack";
import { useChildren, useRuns } from "./session";
import { useWaiting, WaitingView, type Waiting } from "./Waiting";
import { Writer } from "./Writer";
import css from "./Chat.module.css";

const BUSY = new Set(["pending", "running", "stopping", "interrupted"]);

export function isBusy(session: Session): boolean {
  return BUSY.has(session.status) || session.queued_runs > 0 || session.group === "working";
}

type Shown = Block | Waiting;

export function Conversation({ session, inside }: { session: Session; inside: boolean }) {
  const [log] = useState(() => new SessionLog(session.session_id));
  useEffect(() => {
    const stop = log.follow();
    void flush(session.session_id);
    return () => {
      stop();
      connection.open();
    };
  }, [log, session.session_id]);
  const { timeline, missing, problem } = useStore(log);
  const children = useChildren(session.session_id);
  const runs = useRuns(session.session_id);
  const byId = useMemo(() => new Map<string, Run>((runs ?? []).map((run) => [run.run_id, run])), [runs]);
  const waiting = useWaiting(session, timeline, runs ?? []);
  const blocks = useMemo(() => conversationOf(timeline, children, new Map((runs ?? []).map((run) => [run.run_id, run.prompt]))), [timeline, children, runs]);
  const gone = useStore(takenBack);
  const shown = useMemo<readonly Shown[]>(() => [...blocks.filter((one) => one.kind !== "unheard" || !gone.includes(one.run_id ?? "")), ...waiting], [blocks, waiting, gone]);
  const [given, setGiven] = useState<{ text: string; n: number } | null>(null);
  const takeBack = (text: string) => setGiven((before) => ({ text, n: (before?.n ?? 0) + 1 }));
  const editLast = useRef(() => {});
  editLast.current = () => void takeLast(shown, takeBack);
  useKeys(useMemo(() => [{ keys: "Escape Escape", does: "Change the last message, or say it anew", where: "Chat", run: () => editLast.current() }], []));
  return (
    <>
      {problem && <div className={css.trouble}><Trouble problem={problem} /></div>}
      <Earlier timeline={timeline} sessionId={session.session_id} onReach={() => void log.reachBack()} />
      {timeline.items.length === 0 && missing > 0 ? <div className={css.fill}><Loading what="the conversation" /></div>
        : shown.length === 0 ? <div className={css.fill}><Empty>Nothing was said yet.</Empty></div> : (
          <VirtualList items={shown} keyOf={(one) => one.key} label="Conversation" follow estimate={72} place={`callboard.place.${session.session_id}`}
            onAway={log.hold} onStart={() => void log.reachBack()}>
            {(one) => (one.kind === "waiting"
              ? <WaitingView one={one} onTakeBack={takeBack} />
              : <BlockView block={one} session={session} runs={byId} inside={inside} onTakeBack={takeBack} />)}
          </VirtualList>
        )}
      <Foot key={session.session_id} session={session} runs={runs ?? []} given={given} />
    </>
  );
}

/** What was said last comes back into an empty box: taken back while nobody has heard it, else to be said anew. */
async function takeLast(shown: readonly Shown[], takeBack: (text: string) => void): Promise<void> {
  const box = document.getElementById("message");
  const last = shown.findLast((one) => one.kind === "waiting" || one.kind === "unheard" || (one.kind === "said" && one.from === "person"));
  if (!last || !(box instanceof HTMLTextAreaElement) || box.value.trim()) return;
  const text = "text" in last ? last.text : "";
  if (last.kind === "waiting" && last.state === "queued") {
    try {
      await call("POST /runs/{run_id}/stop", { path: { run_id: last.run_id ?? "" }, body: {} });
      noteTakenBack(last.run_id ?? "");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return void tell(error.detail, { bad: true, hint: error.hint });
    }
  } else if (last.kind === "waiting" && last.outgoing && (!last.outgoing.tried || last.state === "refused")) forget(last.outgoing.key);
  takeBack(text);
}

function Foot({ session, runs, given }: { session: Session; runs: readonly Run[]; given: { text: string; n: number } | null }) {
  const busy = isBusy(session);
  const [how, choose] = useHow(session.session_id);
  useKeys(KEYS);
  useKeys(NUMBER_KEYS);
  if (session.archived_at) return <Archived session={session} />;
  if (session.external) return <p className={css.closed}>Another process leads this conversation; answer it there.</p>;
  return (
    <div className={css.foot}>
      <Status session={session} runs={runs} />
      <Writer draft={session.session_id} given={given} word={busy ? HEARD[how].button : "Send"} placeholder={busy ? HEARD[how].placeholder : "Go on with this conversation"}
        onSend={(text) => {
          // What is idle here may have begun elsewhere: that is not interrupted unasked.
          send(session.session_id, text, busy || how !== "interrupt" ? how : "resume");
          if (how === "interrupt") choose(null);
        }}>
        {busy && (
          <select aria-label="When it is heard" value={how} onChange={(event) => choose(event.target.value as Choice)} className={css.how}>
            {Object.entries(HEARD).map(([value, { choice }]) => <option key={value} value={value}>{choice}</option>)}
          </select>
        )}
      </Writer>
    </div>
  );
}

type Choice = Exclude<How, "start">;

/** How a message reaches an agent that works, first what goes without saying. */
const HEARD = {
  resume: { choice: "queue: after this turn", button: "Queue", placeholder: "Say what comes after this turn" },
  auto: { choice: "steer: into this turn", button: "Steer", placeholder: "Say it while it works, as soon as it listens" },
  interrupt: { choice: "now: interrupt it", button: "Interrupt", placeholder: "Say it instead of what it does now" },
} as const;

/** What was chosen stays so in this conversation, also over a reload; an interruption is one message's. */
function useHow(sessionId: string): [Choice, (next: Choice | null) => void] {
  const place = `callboard.heard.${sessionId}`;
  const [interrupts, setInterrupts] = useState(false);
  const [kept, setKept] = useState<Choice>(() => (sessionStorage.getItem(place) === "auto" ? "auto" : "resume"));
  return [interrupts ? "interrupt" : kept, (next) => {
    setInterrupts(next === "interrupt");
    if (next === null || next === "interrupt") return;
    setKept(next);
    keep(sessionStorage, place, next === "auto" ? next : null);
  }];
}

const KEYS = [{ keys: "m", does: "Write a message", where: "Chat", run: () => document.getElementById("message")?.focus() }];

function Archived({ session }: { session: Session }) {
  const queries = useQueryClient();
  const [unarchive, busy] = useAction(async () => {
    await call("POST /sessions/{session_id}/unarchive", { path: { session_id: session.session_id } });
    await queries.invalidateQueries({ queryKey: ["session", session.session_id] });
  });
  return <p className={css.closed}>This conversation is archived. <Button disabled={busy} onClick={() => void unarchive()}>Unarchive and go on</Button></p>;
}

/** What goes on at the moment, why it waits, and the way to end it. */
function Status({ session, runs }: { session: Session; runs: readonly Run[] }) {
  const { stop, stopping, question } = useStop(session.session_id);
  const waits = session.status === "pending" || session.group === "queued" || session.status === "interrupted";
  const why = useQuery({
    queryKey: ["session", session.session_id, "why", session.latest_run_id],
    queryFn: () => call("GET /runs/{run_id}/why", { path: { run_id: session.latest_run_id ?? "" } }),
    enabled: waits && session.latest_run_id !== null,
    refetchInterval: 10_000,
  });
  const childrenAtWork = session.children.total - session.children.ended;
  const busy = isBusy(session);
  const end = useRef(stop);
  end.current = stop;
  useKeys(useMemo(() => (busy ? [{ keys: "s", does: "Stop it", where: "Chat", run: () => end.current() }] : []), [busy]));
  if (!busy) return null;
  const live = runs.find((run) => run.started_at !== null && run.ended_at === null);
  return (
    <div className={css.status} role="status">
      <SessionState session={session} />
      <span className={css.why}>
        {waits && why.data ? why.data.sentence : live?.started_at && session.status !== "stopping" ? <Took from={live.started_at} to={null} /> : null}
        {childrenAtWork > 0 && <> · {childrenAtWork} {childrenAtWork === 1 ? "child works" : "children work"}</>}
      </span>
      {session.status !== "stopping" && <Button look="danger" disabled={stopping} onClick={stop}>◼ Stop</Button>}
      {question}
    </div>
  );
}
