// A fork: another session of the same agent that is told what was said and done here, and goes on by a way of its own.
import { useId, useRef, useState } from "react";
import { call, newKey } from "../../api/client";
import type { Session } from "../../api/schema";
import { go } from "../../navigation";
import { useAction } from "../../parts/actions";
import layout from "../../parts/layout.module.css";
import { Button, Dialog } from "../../parts/Parts";

/** Work on issues has a worktree that no two sessions write to; another process's conversation is not ours to tell. */
export function isForkable(session: Session): boolean {
  return session.run_count > 0 && session.workspace === null && session.handle === null && !session.external;
}

/** `to` is where the fork is looked at. */
export function ForkDialog({ session, onClose, to = "/sessions" }: { session: Session; onClose: () => void; to?: "/sessions" | "/chat" }) {
  const field = useId();
  const [text, setText] = useState("");
  const key = useRef(newKey());
  const [fork, forking] = useAction(async () => {
    const made = await call("POST /sessions/{session_id}/fork", {
      path: { session_id: session.session_id }, body: { prompt: text }, idempotencyKey: key.current,
    });
    // In the dialog's own place: the way back leads to what was forked.
    go(`${to}/${made.session_id}`, { replace: true });
    return "Forked. The first session stays as it is.";
  });
  return (
    <Dialog title="Fork this session" onClose={onClose}>
      <p>Another session of the same agent is told what was asked and answered here until now, in words, and goes on by itself. This one stays as it is.</p>
      <form className={layout.form} onSubmit={(event) => { event.preventDefault(); if (text.trim()) void fork(); }}>
        <div className={layout.labelled}>
          <label htmlFor={field}>What it is to do</label>
          <textarea id={field} className={layout.field} rows={5} value={text} dir="auto" autoFocus
            onChange={(event) => { setText(event.target.value); key.current = newKey(); }} />
        </div>
        <div className={layout.line}>
          <Button type="submit" look="primary" disabled={forking || !text.trim()}>Fork</Button>
          <Button look="quiet" onClick={onClose}>Leave it</Button>
        </div>
      </form>
    </Dialog>
  );
}
