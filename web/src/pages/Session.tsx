// One session: who it is, all its runs on one timeline as they happen, and what a person can do about it.
import { useEffect, useMemo, useState } from "react";
import { Problem } from "../api/client";
import type { Session } from "../api/schema";
import { useKeys } from "../keyboard/registry";
import { useSession } from "../live/session";
import { SessionLog, useStore } from "../live/stores";
import { Link, useQueryParameter } from "../navigation";
import { Earlier } from "../parts/Earlier";
import { nameOf } from "../parts/format";
import { Empty, Loading, Trouble } from "../parts/Parts";
import { NUMBER_KEYS } from "../parts/QuestionCard";
import { useShownName } from "../parts/title";
import { VirtualList } from "../parts/VirtualList";
import type { Parameters } from "../routes";
import { Changes } from "./session/Changes";
import { Composer } from "./session/Composer";
import { ContextMeter } from "./session/ContextMeter";
import { Facts } from "./session/Facts";
import { Filter, readTypes, shownItems } from "./session/Filter";
import { Header } from "./session/Header";
import { ItemView } from "./session/Items";
import { Guidance } from "./work/Guidance";
import css from "./Session.module.css";

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
  const [view, setView] = useQueryParameter("view");
  useKeys(NUMBER_KEYS);
  const missing = session.error instanceof Problem && session.error.status === 404;
  if (missing) {
    return <div className={css.alone}><Trouble problem={session.error as Problem} /><p><Link to="/">To the callboard</Link></p></div>;
  }
  if (session.data === undefined) {
    return <div className={css.alone}>{session.error ? <Trouble problem={session.error} again={() => void session.refetch()} /> : <Loading what="the session" />}</div>;
  }
  const isWork = session.data.lifecycle !== null;
  const shown = view === "changes" && session.data.workspace !== null ? "changes" : view === "guidance" && isWork ? "guidance" : "";
  return (
    <div className={css.page}>
      <div className={css.main}>
        <Header session={session.data} context={<ContextOf log={log} />} />
        <div className={css.views} role="group" aria-label="View">
          <Link to={`/chat/${sessionId}`}>Conversation</Link>
          <button type="button" aria-pressed={shown === ""} onClick={() => setView("")}>Timeline</button>
          {session.data.workspace && <button type="button" aria-pressed={shown === "changes"} onClick={() => setView("changes")}>Changes</button>}
          {isWork && <button type="button" aria-pressed={shown === "guidance"} onClick={() => setView("guidance")}>Guidance</button>}
        </div>
        {shown === "changes" ? <Changes session={session.data} /> : shown === "guidance" ? <div className={css.scroll}><Guidance session={session.data} /></div> : <TimelineOf session={session.data} log={log} />}
        <Composer session={session.data} />
      </div>
      <Facts session={session.data} log={log} />
    </div>
  );
}

function ContextOf({ log }: { log: SessionLog }) {
  return <ContextMeter context={useStore(log).timeline.context} />;
}

function TimelineOf({ session, log }: { session: Session; log: SessionLog }) {
  const { timeline, missing, problem } = useStore(log);
  const [types, setTypes] = useQueryParameter("types");
  const [event, setEvent] = useQueryParameter("event");
  const wanted = useMemo(() => readTypes(types), [types]);
  const items = useMemo(() => shownItems(timeline, wanted, Number(event) || null), [timeline, wanted, event]);
  const linked = event && missing === 0 ? items.find((item) => item.seq >= Number(event)) : undefined;
  useEffect(() => {
    // What a link leads to may lie far back.
    if (event) log.hold(true);
  }, [event, log]);
  const inOrder = timeline.items.length > 0 || missing === 0;
  return (
    <>
      <Filter counts={timeline.counts} wanted={wanted} onChange={setTypes} missing={missing} />
      {problem && <Trouble problem={problem} />}
      <Earlier timeline={timeline} sessionId={session.session_id} onReach={() => void log.reachBack()} />
      {!inOrder ? <Loading what="the log" /> : items.length === 0 ? (
        <div className={css.nothing}><Empty>{wanted ? "No event of these types." : "Nothing has happened yet."}</Empty></div>
      ) : (
        <VirtualList items={items} keyOf={(item) => item.key} label="Timeline" follow={!event} estimate={52} {...(event ? {} : { place: `callboard.place.timeline.${session.session_id}.${types}` })}
          showKey={linked?.key ?? null} onAway={(away) => log.hold(away || event !== "")} onStart={() => void log.reachBack()}>
          {(item) => <ItemView item={item} session={session} marked={event !== "" && String(item.seq) === event}
            onLink={() => setEvent(String(item.seq))} />}
        </VirtualList>
      )}
    </>
  );
}
