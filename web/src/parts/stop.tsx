// Stops a session, and asks before whether what works below it stops too. Who works there is asked of the coordinator at
// that moment: a page may have been open for long.
import { useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { call } from "../api/client";
import { atWorkBelow } from "../live/facts";
import { useAction } from "./actions";
import layout from "./layout.module.css";
import { Button, Dialog } from "./Parts";

/** What begins a stop, whether one is on its way, and the question where there is one. */
export function useStop(sessionId: string): { stop: () => void; stopping: boolean; question: ReactNode } {
  const queries = useQueryClient();
  const [below, setBelow] = useState(0);
  const path = { session_id: sessionId };
  const end = async (subtree: boolean) => {
    setBelow(0);
    await call("POST /sessions/{session_id}/stop", { path, body: { subtree } });
    await queries.invalidateQueries({ queryKey: ["session", sessionId] });
    return subtree ? "Stopping it and all below it." : "Stopping.";
  };
  const [ask, asking] = useAction(async () => {
    const working = atWorkBelow(await call("GET /sessions/{session_id}/tree", { path }), sessionId);
    if (working === 0) return end(false);
    setBelow(working);
  });
  const [decide, ending] = useAction(end);
  const question = below > 0 && (
    <Dialog title="Stop this session?" onClose={() => setBelow(0)}>
      <p>What its agent has not saved is lost, and its queued runs are cancelled. {below} below it {below === 1 ? "works" : "work"}, too.</p>
      <div className={layout.line}>
        <Button look="danger" onClick={() => void decide(false)}>Stop it alone</Button>
        <Button look="danger" onClick={() => void decide(true)}>Stop it and all below it</Button>
        <Button look="quiet" onClick={() => setBelow(0)}>Let it work</Button>
      </div>
    </Dialog>
  );
  return { stop: () => void (below === 0 && !asking && ask()), stopping: asking || ending, question };
}
