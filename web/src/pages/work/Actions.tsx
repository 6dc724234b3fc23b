// What a person does to work on issues. The coordinator says which moves are possible; nothing else is offered.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "../../api/client";
import type { Session } from "../../api/schema";
import { Store, useStore } from "../../live/stores";
import { Link } from "../../navigation";
import { useAction, useAttempt } from "../../parts/actions";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { BelowQuestion, stopAll, useBelow } from "../../parts/stop";
import { readAgain } from "./data";
import { DeleteDialog } from "./DeleteDialog";
import { GuidanceDialog } from "./Guidance";
import { Menu } from "./Menu";
import { ShipDialog } from "./ShipDialog";
import css from "./Work.module.css";

type Move = "pause" | "resume" | "restart";
const DONE: Record<Move, string> = {
  pause: "Paused: nothing of it runs until it is resumed.",
  resume: "It goes on.",
  restart: "It works again, in the same worktree.",
};

type Question = "guidance" | "cancel" | "ship" | "delete" | "again";

/** What is being asked, of the page and not of a card: a card moves to another column under the person's hands. */
const asking = new Store<{ session_id: string; question: Question } | null>(null);

/** Asks what it takes to begin again with the branch of a worktree whose folder is gone. */
export function askToBeginAgain(sessionId: string): void {
  asking.set({ session_id: sessionId, question: "again" });
}

/** The work that was moved just now: its card, wherever it stands then, takes the focus that its button had. */
const led = { session_id: "", until: 0 };
const LED_MS = 5_000;

/** Whether a card of this session should take the focus, which nothing else has. */
export function isLed(sessionId: string): boolean {
  return led.session_id === sessionId && Date.now() < led.until && document.activeElement === document.body;
}

export function WorkActions({ session, small = false }: { session: Session; small?: boolean }) {
  const queries = useQueryClient();
  const [move, moving] = useAction(async (action: Move) => {
    led.session_id = session.session_id;
    led.until = Date.now() + LED_MS;
    await call("POST /sessions/{session_id}/lifecycle", { path: { session_id: session.session_id }, body: { action } });
    await readAgain(queries, session);
    return DONE[action];
  });
  const may = new Set(session.work?.actions ?? []);
  if (may.size === 0 || session.archived_at !== null) return null;
  const className = small ? css.small : "";
  const ships = session.work?.state === "prepared" && session.lifecycle !== "cancelled";
  // What would fail the same way once more is not offered.
  const next = session.work?.next_move;
  const goesOn = next !== "begin_from_branch" && next !== "raise_budget";
  const ask = (question: Question) => () => asking.set({ session_id: session.session_id, question });
  return (
    <span className={css.actions}>
      {next === "begin_from_branch" && <Button look="primary" className={className} onClick={() => askToBeginAgain(session.session_id)}>Start again with the branch …</Button>}
      {next === "raise_budget" && session.budget && <Link to={`/usage?session=${session.budget.session_id}`} className={`${css.button} ${className}`}>Raise the budget …</Link>}
      {goesOn && may.has("restart") && <Button look="primary" className={className} disabled={moving} onClick={() => void move("restart")}>↻ Restart</Button>}
      {goesOn && may.has("resume") && <Button look="primary" className={className} disabled={moving} onClick={() => void move("resume")}>▶ Resume work</Button>}
      {may.has("forward") && <Button className={className} data-guide onClick={ask("guidance")}>{small ? "Guidance" : "Give guidance"}</Button>}
      <Menu label="More to do with the work" inline={small}>
        {may.has("pause") && <Button look="quiet" disabled={moving} onClick={() => void move("pause")}>Pause work</Button>}
        {ships && <Button look="quiet" onClick={ask("ship")}>Ship …</Button>}
        {may.has("cancel") && <Button look="quiet" onClick={ask("cancel")}>Cancel work …</Button>}
        {may.has("delete") && <Button look="danger" onClick={ask("delete")}>Delete …</Button>}
      </Menu>
    </span>
  );
}

/** The dialog that is open, once on each page that shows work. */
export function WorkDialogs({ sessions }: { sessions: ReadonlyMap<string, Session> }) {
  const asked = useStore(asking);
  useEffect(() => () => asking.set(null), []);
  const session = asked ? sessions.get(asked.session_id) : undefined;
  if (!asked || !session) return null;
  const about = { session, onClose: () => asking.set(null) };
  if (asked.question === "guidance") return <GuidanceDialog {...about} />;
  if (asked.question === "cancel") return <CancelDialog {...about} />;
  return asked.question === "ship" ? <ShipDialog {...about} /> : <DeleteDialog {...about} again={asked.question === "again"} />;
}

function CancelDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const below = useBelow(session.session_id);
  const cancel = useAttempt(async (subtree?: boolean) => {
    if (subtree === undefined && (await below.ask())) return;
    below.forget();
    if (subtree) await stopAll(session.session_id);
    await call("POST /sessions/{session_id}/lifecycle", { path: { session_id: session.session_id }, body: { action: "cancel", ...(reason.trim() ? { reason: reason.trim() } : {}) } });
    await readAgain(queries, session);
    onClose();
    return "Cancelled; its worktree is still there.";
  });
  return (
    <Dialog title="Cancel this work?" onClose={onClose}>
      <p>Its runs end and its issues are free for others. Branch and worktree stay, with what is not committed.</p>
      <input className={layout.field} aria-label="Why, kept with the change" placeholder="Why, kept with the change" value={reason} maxLength={4000} onChange={(event) => setReason(event.target.value)} />
      {cancel.problem && <Trouble problem={cancel.problem} />}
      {below.count > 0 ? (
        <BelowQuestion count={below.count} alone="Cancel it alone" all="Cancel it, stop all below it" none="Let it work" busy={cancel.busy} onDecide={(subtree) => void cancel.run(subtree)} onNone={onClose} />
      ) : (
        <div className={css.foot}>
          <Button look="danger" disabled={cancel.busy} onClick={() => void cancel.run()}>Cancel the work</Button>
          <Button look="quiet" onClick={onClose}>Let it work</Button>
        </div>
      )}
    </Dialog>
  );
}
