// One session: who it is, what happened in all its runs, as it happens, and what a person can do about it.
import { lazy, Suspense, use, useEffect, useMemo, useState } from "react";
import { Problem } from "../api/client";
import type { Session } from "../api/schema";
import { useKeys } from "../keyboard/registry";
import { useSession } from "../live/session";
import { LogPart } from "../live/part";
import { SessionLog, useStore, type EventLog } from "../live/stores";
import { holdsEvent } from "../live/timeline";
import { Link, useQueryParameter } from "../navigation";
import { nameOf } from "../parts/format";
import { Empty, Loading, Trouble } from "../parts/Parts";
import { NUMBER_KEYS } from "../parts/QuestionCard";
import { useShownName } from "../parts/title";
import { patiently } from "../patiently";
import type { Parameters } from "../routes";
import { Changes } from "./session/Changes";
import { Composer } from "./session/Composer";
import { ContextMeter } from "./session/ContextMeter";
import { Facts } from "./session/Facts";
import { Feed } from "./session/Feed";
import { Density, readTypes, shownItems } from "./session/Filter";
import { Header } from "./session/Header";
import { ItemView } from "./session/Items";
import { ReadingContext } from "./session/Part";
import { Tabs, viewOf, type View } from "./session/Tabs";
import { useWaits, WaitsView } from "./session/Waits";
import { Guidance } from "./work/Guidance";
import css from "./Session.module.css";

const Config = lazy(patiently(() => import("./session/Config")));
const Events = lazy(patiently(() => import("./session/Events")));
const Logs = lazy(patiently(() => import("./session/Logs")));

export default function SessionPage({ parameters }: { parameters: Parameters }) {
  const sessionId = parameters.session_id ?? "";
  return <OneSession key={sessionId} sessionId={sessionId} />;
}

function OneSession({ sessionId }: { sessionId: string }) {
  const [log] = useState(() => new SessionLog(sessionId));
  const session = useSession(sessionId);
  const known = session.data !== undefined;
  useShownName(session.data && nameOf(session.data));
  useEffect(() => (known ? log.follow() : undefined), [log, known]);
  const [view] = useQueryParameter("view");
  const [types] = useQueryParameter("types");
  useKeys(NUMBER_KEYS);
  const missing = session.error instanceof Problem && session.error.status === 404;
  if (missing) {
    return <div className={css.alone}><Trouble whole problem={session.error as Problem} /><p><Link to="/">To the callboard</Link></p></div>;
  }
  if (session.data === undefined) {
    return <div className={css.alone}>{session.error ? <Trouble whole problem={session.error} again={() => void session.refetch()} /> : <Loading what="the session" />}</div>;
  }
  const shown = viewOf(view, types, session.data);
  return (
    <div className={css.page}>
      <div className={css.main}>
        <Header session={session.data} context={<ContextOf log={log} />} />
        <Tabs session={session.data} shown={shown} />
        <div className={css.view}><Suspense fallback={<Loading what="the view" />}><Read view={shown} session={session.data} log={log} /></Suspense></div>
        <Composer session={session.data} />
      </div>
      <Facts session={session.data} log={log} />
    </div>
  );
}

/** The log as it is followed, or what it was around an event that lies too far back. */
function Read({ view, session, log }: { view: View; session: Session; log: SessionLog }) {
  const [part, setPart] = useState<LogPart | null>(null);
  const [, setEvent] = useQueryParameter("event");
  const reading = useMemo(() => ({
    part, newest: session.last_seq,
    read: (event: number, oldest: number) => setPart(new LogPart(session.session_id, event, oldest)),
    leave: () => { setPart(null); setEvent(""); },
  }), [part, session.last_seq, session.session_id, setEvent]);
  return <ReadingContext value={reading}><Shown view={view} session={session} log={part ?? log} /></ReadingContext>;
}

function Shown({ view, session, log }: { view: View; session: Session; log: EventLog }) {
  switch (view) {
    case "changes": return session.workspace ? <Changes session={session} /> : <NoWorktree />;
    case "guidance": return <div className={css.scroll}><Guidance session={session} /></div>;
    case "logs": return <Logs log={log} />;
    case "config": return <Config session={session} />;
    case "events": return <Events log={log} />;
    default: return <TimelineOf session={session} log={log} />;
  }
}

function NoWorktree() {
  return (
    <div className={css.nothing}>
      <Empty>This session has no worktree of its own, so what it changes is not told from what else changes there. Work that was begun from <Link to="/work">issues</Link> has one.</Empty>
    </div>
  );
}

function ContextOf({ log }: { log: SessionLog }) {
  return <ContextMeter context={useStore(log).timeline.context} />;
}

function TimelineOf({ session, log }: { session: Session; log: EventLog }) {
  const { timeline, missing } = useStore(log);
  const [types, setTypes] = useQueryParameter("types");
  const [event, setEvent] = useQueryParameter("event");
  const wanted = useMemo(() => readTypes(types), [types]);
  const { part } = use(ReadingContext);
  const waits = useWaits(session, timeline.last);
  const items = useMemo(() => [...shownItems(timeline, wanted, Number(event) || null), ...(part ? [] : waits)], [part, timeline, wanted, event, waits]);
  return (
    <>
      <Density counts={timeline.counts} wanted={wanted} onChange={setTypes} missing={missing} />
      <Feed log={log} items={items} label="Timeline" event={event} place={`timeline.${session.session_id}.${types}`} estimate={52}
        empty={<Empty>Nothing has happened yet.</Empty>}>
        {(item) => item.kind === "waits" ? <WaitsView run={item.run} session={session} /> : <ItemView item={item} session={session} marked={holdsEvent(item, Number(event) || null)} onLink={() => setEvent(String(item.seq))} />}
      </Feed>
    </>
  );
}
