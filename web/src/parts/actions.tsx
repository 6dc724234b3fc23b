// What a person does: one request at a time, its refusal shown where everybody looks, its end said aloud.
import { useState } from "react";
import { Problem } from "../api/client";
import { Store, useStore } from "../live/stores";
import { Hint } from "./Hint";
import css from "./actions.module.css";

interface Notice {
  id: number;
  text: string;
  bad: boolean;
  hint?: string;
}

const notices = new Store<readonly Notice[]>([]);
const SHOWN_MS = 6_000;
const BAD_SHOWN_MS = 20_000;
const MOST = 4;
let made = 0;

export function tell(text: string, { bad = false, hint = "" } = {}): void {
  const notice = { id: ++made, text, bad, hint };
  notices.set([...notices.get(), notice].slice(-MOST));
  setTimeout(() => dismiss(notice.id), bad ? BAD_SHOWN_MS : SHOWN_MS);
}

function dismiss(id: number): void {
  notices.set(notices.get().filter((one) => one.id !== id));
}

/** A function that does something once at a time, and whether it does so now; its Problem is told as a notice. */
export function useAction<A extends unknown[]>(work: (...args: A) => Promise<string | void>): [(...args: A) => Promise<boolean>, boolean] {
  const [busy, setBusy] = useState(false);
  const run = async (...args: A): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    try {
      const done = await work(...args);
      if (done) tell(done);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      tell(error.detail, { bad: true, hint: error.hint });
      return false;
    } finally {
      setBusy(false);
    }
  };
  return [run, busy];
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
  return (
    <div className={css.notices} role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={`${css.notice} ${one.bad ? css.bad : ""}`}>
          <div><p>{one.text}</p>{one.hint && <p className={css.hint}><Hint text={one.hint} /></p>}</div>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(one.id)}>✕</button>
        </div>
      ))}
    </div>
  );
}
