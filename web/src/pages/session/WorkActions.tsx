// What a person does to work on issues: pause, go on, begin the loop anew, give it up. Which of these is possible is the
// coordinator's to decide; here stands what makes sense to offer.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Session } from "../../api/schema";
import { useAction } from "../../parts/actions";
import { Button, Dialog } from "../../parts/Parts";
import css from "./Header.module.css";

type Move = "pause" | "resume" | "restart" | "cancel";
const ENDED = new Set(["complete", "cancelled", "deleted"]);
const DONE: Record<Move, string> = {
  pause: "Paused: nothing of it runs until it is resumed.",
  resume: "It goes on.",
  restart: "It works again, in the same worktree.",
  cancel: "Cancelled; its worktree is still there.",
};

export function WorkActions({ session }: { session: Session }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const [move, moving] = useAction(async (action: Move) => {
    setAsking(false);
    await call("POST /sessions/{session_id}/lifecycle", { path: { session_id: session.session_id }, body: { action } });
    await queries.invalidateQueries({ queryKey: ["session", session.session_id] });
    return DONE[action];
  });
  const state = session.lifecycle;
  if (state === null || ENDED.has(state)) return null;
  return (
    <>
      {state === "stuck" && <Button look="primary" disabled={moving} onClick={() => void move("restart")}>↻ Restart</Button>}
      {state === "paused" && <Button look="primary" disabled={moving} onClick={() => void move("resume")}>▶ Resume work</Button>}
      {state !== "paused" && <Button disabled={moving} onClick={() => void move("pause")}>Pause work</Button>}
      <Button look="quiet" disabled={moving} onClick={() => setAsking(true)}>Cancel work</Button>
      {asking && (
        <Dialog title="Cancel this work?" onClose={() => setAsking(false)}>
          <p>Its runs end and its issues are free for others. Branch and worktree stay, with what is not committed.</p>
          <div className={css.actions}>
            <Button look="danger" onClick={() => void move("cancel")}>Cancel the work</Button>
            <Button look="quiet" onClick={() => setAsking(false)}>Let it work</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
