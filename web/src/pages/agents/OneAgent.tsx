// One agent: what it is, the form that runs it, and its editor; one that comes from a file says where it is changed.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, callForAnswer, Problem } from "../../api/client";
import type { Agent, Operations } from "../../api/schema";
import { go, Link, useQueryParameter } from "../../navigation";
import { tell, useAction } from "../../parts/actions";
import { asText, inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Dialog, Loading, State, Trouble } from "../../parts/Parts";
import { useShownName } from "../../parts/title";
import { agentAddress, HiddenBy } from "../Agents";
import { Editor } from "./Editor";
import { RunForm } from "./RunForm";
import { Servers } from "./Servers";
import { placeOf, unsavedAt } from "./unsaved";

interface Found {
  value: Agent;
  etag: string | null;
}

type Scope = Operations["GET /agents/{name}"]["query"]["scope"];

export function OneAgent({ name }: { name: string }) {
  const [directory] = useQueryParameter("dir");
  const [tab] = useQueryParameter("tab");
  const queries = useQueryClient();
  const [scope] = useQueryParameter("scope");
  const place = ["agents", name, directory, scope];
  const agent = useQuery<Found, Error>({
    queryKey: place,
    queryFn: () => callForAnswer("GET /agents/{name}", { path: { name }, query: { project_dir: directory, scope: (scope || undefined) as Scope } }),
  });
  useShownName(name);
  const gone = agent.error instanceof Problem && agent.error.status === 404;
  // Who edits one that was removed meanwhile keeps what is written, also over a reload.
  const found = gone && tab !== "edit" ? undefined : (agent.data ?? (gone ? keptOf(name) : undefined));
  if (found === undefined) {
    const refused = agent.error instanceof Problem && agent.error.status > 0 && agent.error.status < 500;
    return (
      <div className={layout.page}>
        {agent.error ? <Trouble whole problem={agent.error} {...(refused ? {} : { again: () => void agent.refetch() })} /> : <Loading what="the agent" />}
        {agent.error && <p><Link to={`/agents?q=${encodeURIComponent(name)}`}>All agents of this name</Link></p>}
      </div>
    );
  }
  const { value, etag } = found;
  const tabs = [["", "About"], ["run", "Run"], ["edit", "Edit"]] as const;
  return (
    <div className={layout.page}>
      <p className={layout.crumbs}><Link to="/agents">Agents</Link> <span aria-hidden="true">›</span> <span className={layout.soft}>{value.name}</span></p>
      <div className={layout.head}>
        <h1>{value.name}</h1>
        {!value.active && <State look={{ icon: "◼", word: "Inactive", tone: "wait" }} />}
        {!value.read_only && !gone && <Remove agent={value} etag={etag} />}
      </div>
      {!gone && <nav className={layout.segments} aria-label="Of the agent">
        {tabs.map(([one, word]) => <Link key={one} to={agentAddress(value, one)} aria-current={one === tab ? "true" : undefined}>{word}</Link>)}
      </nav>}
      {tab === "run" ? <RunForm agent={value} /> : tab === "edit" ? (value.read_only ? <ReadOnly agent={value} />
        : <Editor agent={value} etag={etag} gone={gone} onLatest={(latest, tag) => queries.setQueryData(place, { value: latest, etag: tag })} />) : <About agent={value} />}
    </div>
  );
}

function keptOf(name: string): Found | undefined {
  const { agent, etag } = unsavedAt(placeOf(name))?.base ?? {};
  return agent ? { value: agent, etag: etag ?? null } : undefined;
}

function ReadOnly({ agent }: { agent: Agent }) {
  return (
    <section className={layout.card} aria-label="Why it cannot be edited here">
      <p><strong>It comes from a file, and is changed there.</strong></p>
      <dl className={layout.facts}>
        <dt>File</dt><dd className={layout.mono}>{inert(agent.path ?? "–")}</dd>
        {agent.hostname && <><dt>On</dt><dd>{inert(agent.hostname)}</dd></>}
        {agent.directory && <><dt>Below</dt><dd className={layout.mono}>{inert(agent.directory)}</dd></>}
      </dl>
      <p>Edit the file on that machine. Its runner notices; this does it now:</p>
      <pre className={layout.code} tabIndex={0}><code>callboard agent sync</code></pre>
    </section>
  );
}

function About({ agent }: { agent: Agent }) {
  const { limits, demands } = agent;
  const demanded = [demands.hostname && `the host ${demands.hostname}`, demands.project_dir && `the directory ${demands.project_dir}`, ...(demands.tags ?? []).map((tag) => `the tag ${tag}`)].filter(Boolean);
  const limited = [
    limits.timeout_seconds != null && `${limits.timeout_seconds} s`, limits.max_turns != null && `${limits.max_turns} turns`,
    limits.budget_microdollars != null && `$${(limits.budget_microdollars / 1_000_000).toFixed(2)}`, limits.budget_tokens != null && `${limits.budget_tokens} tokens`,
  ].filter(Boolean);
  return (
    <>
      <section className={layout.card} aria-label="About">
        <p dir="auto">{inert(agent.description) || <span className={layout.soft}>No description.</span>}</p>
        <dl className={layout.facts}>
          <dt>Executor</dt><dd>{inert(agent.executor ?? "left to the request")}</dd>
          <dt>Model</dt><dd>{inert(agent.model ?? "left to the executor")}</dd>
          <dt>Permissions</dt><dd>{agent.permission_mode?.replace("_", " ") ?? "left to the request"}</dd>
          <dt>Tools</dt><dd>{agent.tools === null ? "every tool of its executor" : agent.tools.length === 0 ? "none" : <span className={layout.tags}>{agent.tools.map((tool) => <span key={tool} className={layout.tag}>{inert(tool)}</span>)}</span>}</dd>
          <dt>Demands</dt><dd>{demanded.map((one) => inert(String(one))).join(", ") || "nothing of its runner"}</dd>
          <dt>Limits</dt><dd>{limited.join(", ") || "none of its own"}</dd>
          {agent.tags.length > 0 && <><dt>Tags</dt><dd className={layout.tags}>{agent.tags.map((tag) => <span key={tag} className={layout.tag}>{inert(tag)}</span>)}</dd></>}
          <dt>Kept</dt><dd>{agent.read_only ? <>in the file <span className={layout.mono}>{inert(agent.path ?? "")}</span>{agent.hostname && ` on ${inert(agent.hostname)}`}: read-only here</> : "by the coordinator"}</dd>
          {agent.hidden_by.length > 0 && <><dt>Hidden</dt><dd><HiddenBy agent={agent} /></dd></>}
          <dt>Changed</dt><dd><Age at={agent.updated_at} after=" ago" /></dd>
        </dl>
      </section>
      <section className={layout.card} aria-label="MCP servers"><h2>MCP servers</h2><Servers agent={agent} /></section>
      <section className={layout.card} aria-label="System prompt"><h2>System prompt</h2>
        {agent.system_prompt ? <pre className={layout.code} tabIndex={0} dir="auto">{inert(agent.system_prompt)}</pre> : <p className={layout.soft}>None: its executor's own.</p>}</section>
      <Schema title="Schema of its parameters" schema={agent.parameters_schema} />
      <Schema title="Schema of its result" schema={agent.output_schema} />
    </>
  );
}

function Schema({ title, schema }: { title: string; schema: Record<string, unknown> | null }) {
  return schema && <section className={layout.card} aria-label={title}><h2>{title}</h2><pre className={layout.code} tabIndex={0}>{asText(schema)}</pre></section>;
}

function Remove({ agent, etag }: { agent: Agent; etag: string | null }) {
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const [remove, removing] = useAction(async () => {
    await call("DELETE /agents/{name}", { path: { name: agent.name }, ...(etag ? { etag } : {}) });
    go("/agents", { replace: true });
    tell(`${agent.name} is removed.`);
    await queries.invalidateQueries({ queryKey: ["agents"], exact: true });
  });
  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>Remove</Button>
      {asking && (
        <Dialog title={`Remove ${agent.name}?`} onClose={() => setAsking(false)}>
          <p>Its prompt, schemas and servers are lost. Runs that have it keep it as it was; new ones under this name are refused.</p>
          <div className={layout.line}><Button look="danger" disabled={removing} onClick={() => void remove()}>Remove the agent</Button><Button onClick={() => setAsking(false)}>Keep it</Button></div>
        </Dialog>
      )}
    </>
  );
}
