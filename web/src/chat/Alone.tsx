// The standalone chat: one agent, its conversation, and nothing around it.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call, Problem } from "../api/client";
import type { Session } from "../api/schema";
import { useSession } from "../live/session";
import { useConnection } from "../live/stores";
import { Notices } from "../parts/actions";
import { inert } from "../parts/inert";
import { Button, Empty, Loading, Trouble } from "../parts/Parts";
import { Beginning, VIA_CHAT } from "./Begin";
import { Conversation } from "./Conversation";
import css from "./Chat.module.css";

const NEW = "new";
const LOOKED_THROUGH = 100;

/** The address says with which agent, and which conversation; without one it is the newest that was begun here. */
export function Alone() {
  const [query, setQuery] = useState(() => new URLSearchParams(location.search));
  const agent = query.get("agent") ?? "";
  const show = (sessionId: string) => {
    const wanted = new URLSearchParams(query);
    wanted.set("session_id", sessionId);
    history.replaceState(null, "", `${location.pathname}?${wanted.toString()}`);
    setQuery(wanted);
  };
  return (
    <main className={css.standalone}>
      {agent ? <WithAgent key={agent} name={agent} directory={query.get("project_dir") ?? ""} wanted={query.get("session_id") ?? ""} onShow={show} /> : <Choose />}
      <Notices />
    </main>
  );
}

function Choose() {
  const agents = useQuery({ queryKey: ["agents", "chat"], queryFn: () => call("GET /agents", { query: { limit: 200 } }) });
  const talkers = (agents.data?.items ?? []).filter((one) => one.active && one.parameters_schema === null && one.hidden_by.length === 0);
  useEffect(() => void (document.title = "Chat · Callboard"), []);
  return (
    <div className={css.choose}>
      <h1>Talk to an agent</h1>
      {agents.error && <Trouble problem={agents.error} again={() => void agents.refetch()} />}
      {agents.isPending && <Loading what="the agents" />}
      {agents.data && talkers.length === 0 && (
        <Empty>There is no agent to talk to yet. Make one on the <a href="/ui/">callboard</a>, or as a file in <code>.callboard/agents/</code> of a project.</Empty>
      )}
      <ul>
        {talkers.map((one) => (
          <li key={`${one.scope} ${one.name}`}>
            <a href={`/chat/?${new URLSearchParams({ agent: one.name, ...(one.directory ? { project_dir: one.directory } : {}) }).toString()}`} className={css.entry}>
              <span className={css.entryName}>{inert(one.name)}</span>
              <span className={css.soft}><span dir="auto">{inert(one.description)}</span></span>
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface WithAgentProps {
  name: string;
  directory: string;
  wanted: string;
  onShow: (sessionId: string) => void;
}

function WithAgent({ name, directory, wanted, onShow }: WithAgentProps) {
  const agent = useQuery({
    queryKey: ["agent", name, directory],
    queryFn: () => call("GET /agents/{name}", { path: { name }, query: directory ? { project_dir: directory } : {} }),
  });
  const newest = useQuery({
    queryKey: ["sessions", "of agent", name],
    queryFn: () => call("GET /sessions", { query: { agent_name: name, limit: LOOKED_THROUGH } }),
    enabled: wanted === "",
  });
  const found = newest.data?.items.find((one) => one.labels.via === VIA_CHAT.via && one.archived_at === null && one.parent_session_id === null);
  useEffect(() => {
    if (wanted === "" && newest.data) onShow(found?.session_id ?? NEW);
    // Decided once, when the list is there.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [newest.data, wanted]);
  useEffect(() => void (document.title = `${inert(name)} · Callboard`), [name]);
  const problem = agent.error ?? newest.error;
  return (
    <>
      <header className={css.head}>
        <h1 dir="auto">{inert(name)}</h1>
        <span className={css.headFacts}>
          <Liveness />
          {wanted !== NEW && wanted !== "" && <Button look="quiet" onClick={() => onShow(NEW)}>New conversation</Button>}
        </span>
      </header>
      {problem ? <div className={css.alone}>{isUnknown(problem) ? <Unknown name={name} /> : <Trouble problem={problem} again={() => void (agent.refetch(), newest.refetch())} />}</div>
        : agent.data === undefined || wanted === "" ? <div className={css.fill}><Loading what="the conversation" /></div>
        : wanted === NEW ? (
          <>
            <div className={css.begin}>
              {agent.data.description && <p dir="auto">{inert(agent.data.description)}</p>}
              {!agent.data.active && <p className={css.hint}>This agent is not active: it takes no new conversation.</p>}
              {agent.data.parameters_schema && <p className={css.hint}>This agent takes parameters, not words: run it from <a href="/ui/">the callboard</a>.</p>}
            </div>
            <Beginning scope={`alone:${name}:${directory}`} onBegun={onShow} placeholder={`Say something to ${inert(name)}`}
              fields={{ agent_name: name, labels: VIA_CHAT, ...(directory ? { project_dir: directory } : {}) }} />
          </>
        ) : <One key={wanted} sessionId={wanted} agent={name} />}
    </>
  );
}

function isUnknown(problem: Error): boolean {
  return problem instanceof Problem && problem.status === 404;
}

/** Who came here needs no command line: the agents that there are stand on a page. */
function Unknown({ name }: { name: string }) {
  return <div role="alert"><p><strong>There is no agent {inert(name)} here.</strong></p><p><a href="/chat/">Choose one of those that there are</a></p></div>;
}

function One({ sessionId, agent }: { sessionId: string; agent: string }) {
  const session = useSession(sessionId);
  useTitle(session.data, agent);
  if (session.data === undefined) {
    return <div className={css.fill}>{session.error ? <Trouble problem={session.error} /> : <Loading what="the conversation" />}</div>;
  }
  if (session.data.agent_name !== agent) {
    return <div className={css.alone}><Trouble problem={new Problem(404, "session_not_found", "This is no conversation with this agent.", "Begin a new one.")} /></div>;
  }
  return <Conversation session={session.data} inside={false} />;
}

function useTitle(session: Session | undefined, agent: string): void {
  const asks = Boolean(session?.waiting_for);
  useEffect(() => void (document.title = `${asks ? "(1) " : ""}${inert(agent)} · Callboard`), [asks, agent]);
}

function Liveness() {
  const { phase } = useConnection();
  if (phase === "live") return null;
  return <span role="status" className={css.soft}>{phase === "connecting" ? "Connecting" : "Offline; it goes on by itself"}</span>;
}

