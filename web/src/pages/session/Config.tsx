// With what a session and each of its runs was begun: what was asked, the agent as the run keeps it, and what differs
// from the first run. Secrets are not there: the coordinator hides them before it answers.
import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { call } from "../../api/client";
import type { AgentOfRun, Run, ServerOfRun, Session } from "../../api/schema";
import { compared, type Compared } from "../../live/runSettings";
import { Link, useQueryParameter } from "../../navigation";
import { short } from "../../parts/format";
import { asText, inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Empty, Loading, Trouble } from "../../parts/Parts";
import css from "./Config.module.css";
import { Folded } from "./Items";

const MOST_RUNS = 200;

export default function Config({ session }: { session: Session }) {
  const path = { session_id: session.session_id };
  const runs = useQuery({
    queryKey: ["session", session.session_id, "runs", MOST_RUNS],
    queryFn: () => call("GET /sessions/{session_id}/runs", { path, query: { limit: MOST_RUNS } }),
  });
  const [chosen, choose] = useQueryParameter("run");
  const inOrder = useMemo(() => [...((runs.data?.items ?? []) as Run[])].sort((one, other) => one.number - other.number), [runs.data]);
  const run = inOrder.find((one) => one.run_id === chosen) ?? inOrder.at(-1);
  const [first] = inOrder;
  return (
    <div className={css.page}>
      <OfSession session={session} />
      {runs.error && !runs.data ? <Trouble problem={runs.error} again={() => void runs.refetch()} /> : !runs.data ? <Loading what="its runs" />
        : !run || !first ? <Empty>It has no run yet. Each run keeps with what it was begun.</Empty> : (
          <>
            {inOrder.length > 1 && <Choice runs={inOrder} first={first} shown={run} onChoose={choose} />}
            <OfRun run={run} first={first} />
            {run.agent ? <OfAgent run={run} /> : <p className={layout.soft}>This run was begun with an executor alone. An <Link to="/agents">agent</Link> keeps a prompt, tools, servers and limits by a name.</p>}
            <Environment />
          </>
        )}
    </div>
  );
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  return <section className={layout.card} aria-label={title}><h2>{title}</h2>{children}</section>;
}

function OfSession({ session }: { session: Session }) {
  const { budget } = session;
  const dollars = (value: number) => `$${(value / 1_000_000).toFixed(2)}`;
  const held = budget && [
    budget.budget_microdollars !== null && `${dollars(budget.spent_microdollars)} of ${dollars(budget.budget_microdollars)} spent`,
    budget.budget_tokens !== null && `${budget.spent_tokens.toLocaleString("en")} of ${budget.budget_tokens.toLocaleString("en")} tokens spent`,
  ].filter(Boolean).join(", ");
  return (
    <Card title="The session">
      <dl className={layout.facts}>
        <dt>Parent</dt><dd>{session.parent_session_id ? <><Link to={`/sessions/${session.parent_session_id}`}>session …{short(session.parent_session_id)}</Link>, depth {session.depth}</> : "none"}</dd>
        <dt>Context</dt><dd>{session.context === "fresh" ? "fresh: each run begins a new conversation" : "persistent: each run goes on with the conversation"}</dd>
        <dt>Portable</dt><dd>{session.portable ? "yes: its transcript is kept, another host may go on with it" : "no: it goes on where its conversation is"}</dd>
        <dt>Budget</dt><dd>{held ? <>{held}{budget.session_id !== session.session_id && <>, drawn from <Link to={`/sessions/${budget.session_id}`}>session …{short(budget.session_id)}</Link></>}</> : "none"}</dd>
        {session.workspace && <><dt>Worktree</dt><dd className={layout.mono}>{inert(`${session.workspace.hostname}:${session.workspace.path}`)}</dd></>}
        {Object.entries(session.labels).map(([name, value]) => <Pair key={name} name={`label ${name}`} value={value} />)}
      </dl>
    </Card>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return <><dt>{inert(name)}</dt><dd dir="auto">{inert(value)}</dd></>;
}

interface ChoiceProps {
  runs: readonly Run[];
  first: Run;
  shown: Run;
  onChoose: (runId: string) => void;
}

function Choice({ runs, first, shown, onChoose }: ChoiceProps) {
  return (
    <div className={css.choice}>
      <select className={layout.field} aria-label="Run" value={shown.run_id} onChange={(event) => onChoose(event.target.value)}>
        {runs.map((run) => {
          const changes = compared(run, first).filter((one) => one.before !== null).length;
          return <option key={run.run_id} value={run.run_id}>Run {run.number}{run === first ? "" : changes === 0 ? `, as run ${first.number}` : `, ${changes} changed from run ${first.number}`}</option>;
        })}
      </select>
    </div>
  );
}

function OfRun({ run, first }: { run: Run; first: Run }) {
  const settings = compared(run, first);
  return (
    <Card title={`Run ${run.number}`}>
      <dl className={layout.facts}>
        {settings.map((one) => <Row key={one.name} setting={one} run={run} first={first} />)}
        {run.retry_of && <><dt>Retry of</dt><dd><Link to={`/runs/${run.retry_of}`}>run …{short(run.retry_of)}</Link></dd></>}
        <dt>Page</dt><dd><Link to={`/runs/${run.run_id}`}>run …{short(run.run_id)}</Link>, <Link to={`/sessions/${run.session_id}?view=logs&run=${run.run_id}`}>its log</Link></dd>
      </dl>
      {run.prompt && <details><summary>Prompt</summary><Folded text={inert(run.prompt)} /></details>}
    </Card>
  );
}

function Row({ setting, run, first }: { setting: Compared; run: Run; first: Run }) {
  const changed = setting.before !== null;
  return (
    <>
      <dt>{setting.name}</dt>
      <dd className={changed ? css.changed : ""} dir="auto">
        <Value setting={setting} run={run} />
        {changed && <span className={css.before}>changed from run {first.number}: {inert(setting.before ?? "").slice(0, 200)}</span>}
      </dd>
    </>
  );
}

function Value({ setting, run }: { setting: Compared; run: Run }) {
  if (setting.name === "Agent" && run.agent_name) return <Link to={`/agents/${encodeURIComponent(run.agent_name)}`}>{inert(setting.value)}</Link>;
  if (setting.name === "Runner" && run.runner_id) return <Link to={`/runners/${run.runner_id}`}>{setting.value}</Link>;
  if (setting.name === "Parameters") return <pre className={layout.code} tabIndex={0}>{inert(setting.value)}</pre>;
  return <>{inert(setting.value)}</>;
}

function OfAgent({ run }: { run: Run }) {
  const agent = useQuery<AgentOfRun, Error>({
    queryKey: ["agentOfRun", run.run_id],
    queryFn: () => call("GET /runs/{run_id}/agent", { path: { run_id: run.run_id } }),
    staleTime: Infinity,
  });
  if (agent.error) return <Trouble problem={agent.error} again={() => void agent.refetch()} />;
  if (!agent.data) return <Loading what="its agent" />;
  const { tools, mcp_servers: servers, system_prompt: prompt, parameters_schema: parameters, output_schema: output, tags } = agent.data;
  return (
    <Card title={`The agent ${inert(agent.data.name)}, as this run keeps it`}>
      {agent.data.description && <p dir="auto">{inert(agent.data.description)}</p>}
      <dl className={layout.facts}>
        <dt>Tools</dt><dd>{tools === null ? "every tool of its executor" : tools.length === 0 ? "none" : <Tags words={tools} />}</dd>
        {tags.length > 0 && <><dt>Tags</dt><dd><Tags words={tags} /></dd></>}
        <dt>MCP servers</dt><dd>{servers.length === 0 ? "Callboard’s own" : <ul className={css.servers}>{servers.map((one) => <Server key={one.name} server={one} />)}</ul>}</dd>
      </dl>
      {prompt && <details><summary>System prompt</summary><Folded text={inert(prompt)} /></details>}
      {parameters && <details><summary>Schema of its parameters</summary><Folded text={asText(parameters)} /></details>}
      {output && <details><summary>Schema of its result</summary><Folded text={asText(output)} /></details>}
    </Card>
  );
}

function Tags({ words }: { words: readonly string[] }) {
  return <span className={layout.tags}>{words.map((word) => <span key={word} className={layout.tag}>{inert(word)}</span>)}</span>;
}

function Server({ server }: { server: ServerOfRun }) {
  return (
    <li>
      <strong>{inert(server.name)}</strong> {server.described_by_runner ? <span className={layout.soft}>as the runner’s file describes it</span>
        : <code>{inert(server.url ?? server.command ?? "")}</code>}
      {server.argument_count > 0 && <span className={layout.soft}> with {server.argument_count} {server.argument_count === 1 ? "argument" : "arguments"}</span>}
      {Object.entries(server.headers).map(([name, value]) => <div key={name}><code>{inert(name)}: {inert(value)}</code></div>)}
      {server.environment.length > 0 && <div className={layout.soft}>sets <code>{server.environment.map(inert).join(" ")}</code></div>}
    </li>
  );
}

/** Names alone: what they hold is made by the runner and does not leave it. */
function Environment() {
  return (
    <Card title="Environment">
      <p>Its runner gives the agent <code>AGENT_SESSION_ID</code>, <code>AGENT_RUN_ID</code>, <code>CALLBOARD_URL</code> and <code>CALLBOARD_TOKEN</code>, and <code>TRACEPARENT</code> of a run that is traced.
        Of its own it passes on <code>PATH</code>, <code>HOME</code>, the language and what the executor’s table in its file names; values stay on that machine.</p>
    </Card>
  );
}
