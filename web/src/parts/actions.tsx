// What a person does: one request at a time, its refusal shown where everybody looks, its end said aloud.
import { useEffect, useRef, useState } from "react";
import { Problem } from "../api/client";
import { Store, useConnection, useStore } from "../live/stores";
import { Help, Said } from "./Said";
import css from "./actions.module.css";

interface Notice {
  id: number;
  text: string;
  bad: boolean;
  hint: string;
  /** The coordinator did not answer: over when it does. */
  away: boolean;
}

const notices = new Store<readonly Notice[]>([]);
const SHOWN_MS = 6_000;
const BAD_SHOWN_MS = 20_000;
const MOST = 4;
let made = 0;

/** Tells everybody something for a while; its number ends it before. */
export function tell(text: string, { bad = false, hint = "", away = false } = {}): number {
  const notice = { id: ++made, text, bad, hint, away };
  notices.set([...notices.get(), notice].slice(-MOST));
  setTimeout(() => dismiss(notice.id), bad ? BAD_SHOWN_MS : SHOWN_MS);
  return notice.id;
}

function dismiss(id: number): void {
  notices.set(notices.get().filter((one) => one.id !== id));
}

/** A function that does something once at a time, and whether it does so now; its Problem is told as a notice, which ends when it
 *  is done once more, when what was wrong is mended, as the third says, and when the page is left. */
export function useAction<A extends unknown[]>(work: (...args: A) => Promise<string | void>): [(...args: A) => Promise<boolean>, boolean, () => void] {
  const [busy, setBusy] = useState(false);
  const told = useRef<{ id: number; at: string } | null>(null);
  const forget = () => {
    if (told.current) dismiss(told.current.id);
    told.current = null;
  };
  // What is told may outlive its button, but not its page.
  useEffect(() => () => {
    if (told.current && told.current.at !== location.pathname) dismiss(told.current.id);
  }, []);
  const run = async (...args: A): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    forget();
    try {
      const done = await work(...args);
      if (done) tell(done);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.current = { id: tell(error.detail, { bad: true, hint: error.hint, away: error.code === "unreachable" }), at: location.pathname };
      return false;
    } finally {
      setBusy(false);
    }
  };
  return [run, busy, forget];
}

/** The same where the refusal is shown beside what was asked, as in a dialog, which lies above every notice. */
export function useAttempt<A extends unknown[]>(work: (...args: A) => Promise<string | void>): { run: (...args: A) => Promise<boolean>; busy: boolean; problem: Problem | null; forget: () => void } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async (...args: A): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    try {
      const done = await work(...args);
      setProblem(null);
      if (done) tell(done);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, problem, forget: () => setProblem(null) };
}

export function Notices() {
  const shown = useStore(notices);
  const { phase } = useConnection();
  useEffect(() => {
    if (phase === "live") notices.set(notices.get().filter((one) => !one.away));
  }, [phase]);
  return (
    <div className={css.notices} role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={`${css.notice} ${one.bad ? css.bad : ""}`}>
          <div><p><Said text={one.text} /></p><Help hint={one.hint} className={css.hint} /></div>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(one.id)}>✕</button>
        </div>
      ))}
    </div>
  );
}
