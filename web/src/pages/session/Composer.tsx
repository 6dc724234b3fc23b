// A message to the session: into the live run when its agent takes messages, else as the next run. A draft outlives a
// reload, and is sent once however often the network breaks.
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { call, newKey } from "../../api/client";
import type { Session } from "../../api/schema";
import { useAction } from "../../parts/actions";
import { keep } from "../../parts/kept";
import { Button } from "../../parts/Parts";
import { untilAnswered } from "../work/data";
import { isBusy } from "./Header";
import css from "./Composer.module.css";

/** An agent is there to be spoken to. */
const LIVE = new Set(["running", "stopping", "interrupted"]);

export function Composer({ session }: { session: Session }) {
  const place = `callboard.draft.${session.session_id}`;
  const [text, setText] = useState(() => sessionStorage.getItem(place) ?? "");
  const key = useRef(newKey());
  useEffect(() => {
    keep(sessionStorage, place, text || null);
  }, [place, text]);
  const [send, sending] = useAction(async () => {
    const idempotencyKey = key.current;
    const sent = await untilAnswered(() => call("POST /sessions/{session_id}/messages", {
      path: { session_id: session.session_id }, body: { text }, idempotencyKey,
    }));
    key.current = newKey();
    // What was written while nobody answered is the next message.
    setText((now) => (now === text ? "" : now));
    return sent.delivery === "live" ? "Sent into the live run." : isBusy(session) ? "Queued as the next run." : undefined;
  });
  if (session.archived_at) return <p className={css.closed}>The session is archived. Unarchive it to go on with it.</p>;
  if (session.external) return <p className={css.closed}>Another process leads this conversation; answer it there.</p>;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && text.trim()) void send();
  };
  const busy = isBusy(session);
  const live = session.group === "working" || LIVE.has(session.status);
  return (
    <form className={css.composer} onSubmit={(event) => {
      event.preventDefault();
      if (text.trim()) void send();
    }}>
      <textarea id="message" rows={Math.min(8, Math.max(1, text.split("\n").length))} value={text} dir="auto"
        aria-label="Message" placeholder={live ? "Message to the agent" : busy ? "Goes behind what waits" : "Go on with this session"}
        onChange={(event) => {
          setText(event.target.value);
          key.current = newKey();
        }} onKeyDown={onKeyDown} />
      <Button type="submit" look="primary" disabled={sending || !text.trim()} title="Ctrl+Enter">{sending ? "Sending …" : live ? "Send" : busy ? "Queue" : "Resume"}</Button>
    </form>
  );
}
