// Ends what a session does, and asks before whether what works below it ends too. Who works there is asked of the coordinator
// at that moment: a page may have been open for long.
import { useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { call } from "../api/client";
import { atWorkBelow } from "../live/facts";
import { useAction } from "./actions";
import layout from "./layout.module.css";
import { Button, Dialog } from "./Parts";

export interface Below {
  /** How many work below it, once that was asked and is not decided; else 0. */
  count: number;
  /** Asks, and says whether there is something to decide first. */
  ask: () => Promise<boolean>;
  forget: () => void;
}

export function useBelow(sessionId: string): Below {
  const [count, setCount] = useState(0);
  const ask = async () => {
    const working = atWorkBelow(await call("GET /sessions/{session_id}/tree", { path: { session_id: sessionId } }), sessionId);
    setCount(working);
    return working > 0;
  };
  return { count, ask, forget: () => setCount(0) };
}

/** The question itself: what ends alone, what ends with all below it, and that nothing does. */
export function BelowQuestion({ count, alone, all, none, busy = false, onDecide, onNone }: { count: number; alone: string; all: string; none: string; busy?: boolean; onDecide: (subtree: boolean) => void; onNone: () => void }) {
  return (
    <>
      <p role="status"><strong>{count} below it {count === 1 ? "works" : "work"}, too.</strong></p>
      <div className={layout.line}>
        <Button look="danger" disabled={busy} onClick={() => onDecide(false)}>{alone}</Button>
        <Button look="danger" disabled={busy} onClick={() => onDecide(true)}>{all}</Button>
        <Button look="quiet" onClick={onNone}>{none}</Button>
      </div>
    </>
  );
}

/** Stops a session and all below it. */
export function stopAll(sessionId: string) {
  return call("POST /sessions/{session_id}/stop", { path: { session_id: sessionId }, body: { subtree: true } });
}

interface Alone {
  title: string;
  loses: string;
  stop: () => Promise<string>;
}

/** What begins a stop, whether one is on its way, and the question where there is one; of less than the session with `one`. */
export function useStop(sessionId: string, one?: Alone): { stop: () => void; stopping: boolean; question: ReactNode } {
  const queries = useQueryClient();
  const below = useBelow(sessionId);
  const end = async (subtree: boolean) => {
    below.forget();
    let said = subtree ? "Stopping it and all below it." : "Stopping.";
    if (subtree) await stopAll(sessionId);
    else if (one) said = await one.stop();
    else await call("POST /sessions/{session_id}/stop", { path: { session_id: sessionId }, body: {} });
    await queries.invalidateQueries({ queryKey: ["session", sessionId] });
    return said;
  };
  const [ask, asking] = useAction(async () => ((await below.ask()) ? undefined : end(false)));
  const [decide, ending] = useAction(end);
  const question = below.count > 0 && (
    <Dialog title={one?.title ?? "Stop this session?"} onClose={below.forget}>
      <p>{one?.loses ?? "What its agent has not saved is lost, and its queued runs are cancelled."}</p>
      <BelowQuestion count={below.count} alone="Stop it alone" all={one ? "Stop its session and all below it" : "Stop it and all below it"} none="Let it work" onDecide={(subtree) => void decide(subtree)} onNone={below.forget} />
    </Dialog>
  );
  return { stop: () => void (below.count === 0 && !asking && ask()), stopping: asking || ending, question };
}
