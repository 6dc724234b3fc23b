// The way in: a one-time link's code becomes a cookie. Both entries begin here; nothing else is loaded before.
import { useEffect, useState, type ReactNode } from "react";
import { call, onLoggedOut, Problem } from "./api/client";
import { readLink } from "./link";
import { arrive, changing, depart } from "./live/person";
import css from "./login.module.css";

type Stage = "asking" | "in" | "out" | "unreachable";

const LOGIN_PATH = "/ui/login";
const RETRY_MS = 2_000;

/** Shows its children to who is logged in; logs in whoever comes by a link. */
export function Gate({ children }: { children: ReactNode }) {
  const [stage, setStage] = useState<Stage>("asking");
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    let [gone, exchanged] = [false, false];
    onLoggedOut(() => {
      depart();
      setStage("out");
    });
    // Kept until it was exchanged: the coordinator may be busy for a moment.
    const link = location.pathname === LOGIN_PATH ? readLink(location.hash) : null;
    // Out of the address before anything else: neither history nor a screenshot shall hold it.
    if (link?.code) history.replaceState(null, "", LOGIN_PATH);
    const enter = async () => {
      try {
        if (link?.code && !exchanged) await exchange(link.code);
        exchanged = true;
        const login = await call("GET /login");
        if (login.person === null) return setStage("out");
        arrive(login.person);
        if (link) {
          if (link.next.startsWith("/chat/")) return location.replace(link.next);
          history.replaceState(null, "", link.next);
        }
        if (!gone) setStage("in");
      } catch (error) {
        if (gone || !(error instanceof Problem)) return;
        setProblem(error);
        setStage(error.isTemporary ? "unreachable" : "out");
        if (error.isTemporary) setTimeout(() => void enter(), RETRY_MS);
      }
    };
    void enter();
    return () => {
      gone = true;
    };
  }, []);
  if (stage === "in") return children;
  if (stage === "asking") return null;
  return <Outside stage={stage} problem={problem} />;
}

/** Makes a cookie of a link's code; what is refused leaves whoever was logged in. */
async function exchange(code: string): Promise<void> {
  const unchanged = changing();
  try {
    await call("POST /login", { body: { code } });
  } catch (error) {
    if (error instanceof Problem && !error.isTemporary) unchanged();
    throw error;
  }
}

function Outside({ stage, problem }: { stage: Stage; problem: Problem | null }) {
  const used = problem?.status === 401 && location.pathname === LOGIN_PATH && problem.detail.includes("link");
  return (
    <main className={css.outside}>
      <h1><span aria-hidden="true">▦</span> Callboard</h1>
      {stage === "unreachable" ? (
        <p role="status">The coordinator does not answer. This page goes on as soon as it does.</p>
      ) : (
        <>
          <p role="alert">{used ? problem.detail : "This browser is not logged in."}</p>
          <p>Make a link on a machine where the command line works, and open it here:</p>
          <pre><code>callboard open</code></pre>
          <p className={css.soft}>The link works once. A login ends by itself after 30 days, and when you log out.</p>
        </>
      )}
    </main>
  );
}
