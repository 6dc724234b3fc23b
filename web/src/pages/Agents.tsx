// The agents: blueprints by name. A list with a search, a new one, and one agent with what it is, its form to run it, and
// its editor.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { call } from "../api/client";
import type { AgentListed, Runner } from "../api/schema";
import { useKeys, type Key } from "../keyboard/registry";
import { Link, useQueryParameter } from "../navigation";
import { inert } from "../parts/inert";
import layout from "../parts/layout.module.css";
import { refusedAgentsOf } from "../parts/machine";
import { Loading, State, Trouble } from "../parts/Parts";
import type { Parameters } from "../routes";
import css from "./Agents.module.css";
import { Editor } from "./agents/Editor";
import { OneAgent } from "./agents/OneAgent";

const MOST = 200;

export default function AgentsPage({ parameters }: { parameters: Parameters }) {
  const [made] = useQueryParameter("new");
  if (parameters.name) return <OneAgent key={parameters.name} name={parameters.name} />;
  return made ? <NewAgent /> : <AllAgents />;
}

/** The address of an agent; one of a project's files is meant in its directory, a hidden one by where it comes from. */
export function agentAddress(agent: Pick<AgentListed, "name" | "scope" | "directory" | "hidden_by">, tab = ""): string {
  const place: Record<string, string> = agent.scope === "project" && agent.directory ? { dir: agent.directory } : agent.hidden_by.length > 0 ? { scope: agent.scope } : {};
  const query = new URLSearchParams({ ...place, ...(tab ? { tab } : {}) }).toString();
  return `/agents/${encodeURIComponent(agent.name)}${query ? `?${query}` : ""}`;
}

export function useAgents() {
  return useQuery<AgentListed[], Error>({
    queryKey: ["agents"],
    queryFn: async () => {
      const found: AgentListed[] = [];
      let page: string | null | undefined;
      do {
        const next = await call("GET /agents", { query: { limit: MOST, ...(page ? { page } : {}) } });
        found.push(...next.items);
        page = next.next_page;
      } while (page && found.length < 2000);
      return found;
    },
  });
}

function AllAgents() {
  const agents = useAgents();
  const [words, setWords] = useQueryParameter("q");
  const search = useRef<HTMLInputElement>(null);
  useKeys(useMemo<readonly Key[]>(() => [{ keys: "/", does: "Search", where: "Agents", run: () => search.current?.focus() }], []));
  const shown = agents.data?.filter((agent) => [agent.name, agent.description, agent.executor, agent.model, agent.path, ...agent.tags].join(" ").toLowerCase().includes(words.toLowerCase()));
  return (
    <div className={layout.page}>
      <div className={layout.head}>
        <h1>Agents</h1>
        <input ref={search} type="search" className={layout.field} placeholder="Search  /" aria-label="Search agents" value={words} onChange={(event) => setWords(event.target.value)} />
        <Link to="/agents?new=1" className={css.new}>New agent</Link>
      </div>
      <NotTaken />
      {agents.data === undefined || shown === undefined ? (agents.error ? <Trouble problem={agents.error} again={() => void agents.refetch()} /> : <Loading what="the agents" />) : agents.data.length === 0 ? (
        <div className={layout.first}>
          <h2>There is no agent yet</h2>
          <p>An agent is a blueprint: a prompt, a model, tools and limits under a name, so that whoever starts a session need not say them again. Make one here, or keep it as a file beside the code:</p>
          <pre tabIndex={0}><code>{".callboard/agents/reviewer.md\n\n---\ndescription: Reads a change and says what is wrong with it.\npermission_mode: read_only\n---\nYou review changes. Be short."}</code></pre>
          <p className={layout.soft}>Runners upload the files of their directory; <code>callboard agent sync</code> does it now.</p>
        </div>
      ) : shown.length === 0 ? <p className={layout.soft}>None of these fits.</p> : (
        <ul className={layout.box}>{shown.map((agent) => <li key={`${agent.scope} ${agent.directory} ${agent.name}`} className={css.item}><AgentLine agent={agent} /></li>)}</ul>
      )}
    </div>
  );
}

/** Files of agents that runners have and the coordinator did not take; who may not see runners is told nothing. */
function NotTaken() {
  const runners = useQuery<{ items: Runner[] }, Error>({ queryKey: ["runners", "newest"], queryFn: () => call("GET /runners", { query: { limit: MOST } }), retry: false });
  const told = (runners.data?.items ?? []).filter((one) => one.state !== "lost" && refusedAgentsOf(one.facts).count > 0);
  if (told.length === 0) return null;
  return (
    <section className={layout.card} aria-label="Files that are not taken">
      <h2>Files that are not taken</h2>
      <ul className={layout.form}>
        {told.flatMap((one) => refusedAgentsOf(one.facts).files.map(({ path, why }) => (
          <li key={`${one.runner_id} ${path}`}><span className={layout.mono}>{inert(path)}</span> of <Link to={`/runners/${one.runner_id}`}>{inert(one.name || one.hostname)}</Link>: {inert(why)}</li>
        )))}
      </ul>
    </section>
  );
}

function AgentLine({ agent }: { agent: AgentListed }) {
  return (
    <div className={css.row}>
      <div className={css.what}>
        <div className={layout.line}>
          <Link to={agentAddress(agent)} className={css.name}>{agent.name}</Link>
          {!agent.active && <State look={{ icon: "◼", word: "Inactive", tone: "wait" }} />}
          {agent.hidden_by.length > 0 && <State look={{ icon: "◌", word: "Hidden", tone: "wait" }} />}
          {agent.executor && <span className={layout.tag}>{inert(agent.executor)}</span>}
          {agent.model && <span className={layout.tag}>{inert(agent.model)}</span>}
          {agent.permission_mode && <span className={layout.tag}>{agent.permission_mode.replace("_", " ")}</span>}
        </div>
        <p className={css.description} dir="auto">{inert(agent.description) || <span className={layout.soft}>No description.</span>}</p>
        {agent.hidden_by.length > 0 && <p className={css.place}><HiddenBy agent={agent} /></p>}
        <p className={css.place}>{agent.read_only ? <>file {inert(agent.path ?? "")}{agent.hostname && ` on ${inert(agent.hostname)}`}</> : "kept by the coordinator"}</p>
      </div>
      {agent.active && <Link to={agentAddress(agent, "run")} className={css.run} aria-label={`Run ${agent.name}`}>Run</Link>}
    </div>
  );
}

/** Which agents are meant by its name instead, and where. */
export function HiddenBy({ agent }: { agent: Pick<AgentListed, "name" | "hidden_by"> }) {
  const first = agent.hidden_by.find((one) => one.directory === null) ?? agent.hidden_by[0];
  const others = agent.hidden_by.length - 1;
  if (!first) return null;
  return (
    <>
      {first.directory === null ? "Everywhere" : <>In {inert(first.directory)}</>} {inert(agent.name)} means that of {first.scope === "api" ? "the coordinator" : <>the {first.scope}{first.path && `, ${inert(first.path)}`}</>}
      {first.directory !== null && others > 0 && ` (and ${others} more ${others === 1 ? "place" : "places"})`}.
    </>
  );
}

function NewAgent() {
  return (
    <div className={layout.page}>
      <p className={layout.crumbs}><Link to="/agents">Agents</Link> <span aria-hidden="true">›</span> <span className={layout.soft}>new</span></p>
      <h1>New agent</h1>
      <Editor agent={null} etag={null} onLatest={() => {}} />
    </div>
  );
}
