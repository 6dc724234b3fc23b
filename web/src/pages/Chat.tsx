// Talk to any session or agent: the conversations there are, and one of them.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { call, Problem } from "../api/client";
import type { Session } from "../api/schema";
import { Begin } from "../chat/Begin";
import css from "../chat/Chat.module.css";
import { Conversation } from "../chat/Conversation";
import { useKeys } from "../keyboard/registry";
import { useSession } from "../live/session";
import { board, useStore } from "../live/stores";
import { go, Link, useDialogParameter, useQueryParameter } from "../navigation";
import { nameOf } from "../parts/format";
import { Age, Line, Loading, Money, SessionState, Trouble } from "../parts/Parts";
import { useShownName } from "../parts/title";
import type { Parameters } from "../routes";
import { ForkDialog, isForkable } from "./session/Fork";

const SHOWN = 60;
const KEYS = [
  { keys: "n", does: "New conversation", where: "Chat", run: () => go("/chat?agent=") },
  { keys: "/", does: "Search conversations", where: "Chat", run: () => document.getElementById("chat-search")?.focus() },
];

export default function ChatPage({ parameters }: { parameters: Parameters }) {
  const sessionId = parameters.session_id ?? "";
  const [agent] = useQueryParameter("agent", "-");
  const begins = sessionId === "" && agent !== "-";
  useKeys(KEYS);
  return (
    <div className={`${css.page} ${sessionId || begins ? css.open : ""}`}>
      <List current={sessionId} />
      <section className={css.main} aria-label="Conversation">
        {sessionId ? <One key={sessionId} sessionId={sessionId} /> : (
          <>
            <BackToList />
            <Begin agent={begins ? agent : ""} onAgent={(name) => go(`/chat?agent=${encodeURIComponent(name)}`, { replace: true })}
              onBegun={(begun) => go(`/chat/${begun}`)} />
          </>
        )}
      </section>
    </div>
  );
}

function BackToList() {
  return <Link to="/chat" className={css.back}>← Conversations</Link>;
}

/** The conversations that people lead, newest first; children are inside those of their parents. */
function List({ current }: { current: string }) {
  const [words, setWords] = useState("");
  const { rows } = useStore(board).state;
  const newest = useMemo(() => Object.values(rows).filter((row) => row.parent_session_id === null)
    .sort((one, other) => (one.since < other.since ? 1 : -1)).slice(0, SHOWN), [rows]);
  const found = useQuery({
    queryKey: ["sessions", "chat", words],
    queryFn: () => call("GET /sessions", { query: { q: words, limit: SHOWN } }),
    enabled: words.trim() !== "",
  });
  const shown: readonly Session[] = words.trim() ? found.data?.items ?? [] : newest;
  return (
    <nav className={css.list} aria-label="Conversations">
      <div className={css.listHead}>
        <h1 className={css.listName}>Chat</h1>
        <Link to="/chat?agent=" className={css.fresh}>+ New conversation</Link>
        <input id="chat-search" type="search" placeholder="Search  /" aria-label="Search conversations" value={words} onChange={(event) => setWords(event.target.value)} />
      </div>
      {shown.length === 0 && <p className={css.none}>{words.trim() ? (found.isPending ? "Searching …" : "No session fits.") : "Nobody has been talked to yet."}</p>}
      <ul>
        {shown.map((session) => (
          <li key={session.session_id}>
            <Link to={`/chat/${session.session_id}`} className={css.entry} aria-current={session.session_id === current ? "page" : undefined}>
              <span className={css.entryName}><Line text={nameOf(session)} /></span>
              <span className={css.entryState}><SessionState session={session} /><span>{session.agent_name && <Line text={session.agent_name} />}</span><Age at={session.last_resumed_at ?? session.created_at} /></span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function One({ sessionId }: { sessionId: string }) {
  const session = useSession(sessionId);
  useShownName(session.data && nameOf(session.data));
  if (session.data === undefined) {
    const missing = session.error instanceof Problem && session.error.status === 404;
    return (
      <div className={css.alone}>
        <BackToList />
        {session.error ? <Trouble whole problem={session.error} {...(missing ? {} : { again: () => void session.refetch() })} /> : <Loading what="the conversation" />}
      </div>
    );
  }
  return (
    <>
      <Head session={session.data} />
      <Conversation session={session.data} inside />
    </>
  );
}

function Head({ session }: { session: Session }) {
  const [forking, setForking] = useDialogParameter("fork");
  return (
    <header className={css.head}>
      <BackToList />
      <h1 dir="auto">{nameOf(session)}</h1>
      <span className={css.headFacts}>
        {session.agent_name && <span>{session.agent_name}</span>}
        <Money usage={session.usage} />
        {session.parent_session_id && <Link to={`/chat/${session.parent_session_id}`}>↑ its parent</Link>}
        {isForkable(session) && <button type="button" className={css.link} title="Another conversation that goes on from here" onClick={() => setForking("yes")}>Fork</button>}
        <Link to={`/sessions/${session.session_id}`}>All events</Link>
      </span>
      {forking && isForkable(session) && <ForkDialog session={session} to="/chat" onClose={() => setForking("")} />}
    </header>
  );
}
