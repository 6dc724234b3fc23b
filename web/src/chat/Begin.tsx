// A conversation that has not begun: with whom, where, and the first words.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { call } from "../api/client";
import type { CreateRun } from "../api/schema";
import { useStore } from "../live/stores";
import { Link } from "../navigation";
import { inert } from "../parts/inert";
import { Button, State, Trouble } from "../parts/Parts";
import { flush, forget, outbox, send } from "./outbox";
import { Writer } from "./Writer";
import css from "./Chat.module.css";

/** By this label another browser finds the conversation with an agent again. */
export const VIA_CHAT = { via: "chat" };

/** Sends the first message of a scope, shows what became of it, and says which session it made. */
export function Beginning({ scope, fields, placeholder, onBegun, children }: {
  scope: string;
  fields: Partial<CreateRun>;
  placeholder: string;
  onBegun: (sessionId: string) => void;
  children?: React.ReactNode;
}) {
  const all = useStore(outbox);
  const [mine, setMine] = useState<readonly string[]>(() => all.filter((one) => one.scope === scope).map((one) => one.key));
  const own = all.filter((one) => one.scope === scope);
  const [given, setGiven] = useState<{ text: string; n: number } | null>(null);
  useEffect(() => void flush(scope), [scope]);
  const begun = all.find((one) => one.state === "accepted" && one.how === "start" && mine.includes(one.key))?.session_id;
  useEffect(() => {
    if (begun) onBegun(begun);
    // Told once for each session.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [begun]);
  return (
    <div className={css.foot}>
      {own.map((one) => (
        <div key={one.key} className={css.beginning}>
          <div className={css.prose} dir="auto">{inert(one.text)}</div>
          <div className={css.waitingFoot}>
            <State look={one.state === "sending" ? { icon: "◷", word: "Being sent", tone: "wait" } : { icon: "✕", word: "Not sent", tone: "bad" }} />
            {one.why && <span role="alert">{inert(one.why)}</span>}
            {one.state !== "sending" && <Button look="quiet" onClick={() => {
              forget(one.key);
              setGiven((before) => ({ text: one.text, n: (before?.n ?? 0) + 1 }));
            }}>Change</Button>}
          </div>
        </div>
      ))}
      {children}
      <Writer draft={scope} given={given} word="Begin" placeholder={placeholder} onSend={(text) => setMine([...mine, send(scope, text, "start", fields)])} />
    </div>
  );
}

const MODES: readonly (readonly [NonNullable<CreateRun["permission_mode"]> | "", string])[] = [
  ["", "its own permissions"], ["read_only", "may read only"], ["ask", "asks before it changes"], ["edit", "may edit files"], ["full", "may do everything"],
];

/** A new conversation in the dashboard: any agent, or none. */
export function Begin({ agent, onAgent, onBegun }: { agent: string; onAgent: (name: string) => void; onBegun: (sessionId: string) => void }) {
  const agents = useQuery({ queryKey: ["agents", "chat"], queryFn: () => call("GET /agents", { query: { limit: 200 } }) });
  const runners = useQuery({ queryKey: ["runners", "chat"], queryFn: () => call("GET /runners", { query: { limit: 200 } }) });
  const [executor, setExecutor] = useState("");
  const [mode, setMode] = useState<CreateRun["permission_mode"] | "">("");
  const [directory, setDirectory] = useState("");
  const [model, setModel] = useState("");
  const talkers = useMemo(() => (agents.data?.items ?? []).filter((one) => one.active && one.parameters_schema === null && one.hidden_by.length === 0), [agents.data]);
  const executors = useMemo(() => [...new Set((runners.data?.items ?? []).flatMap((one) => one.executor_types))].sort(), [runners.data]);
  const chosen = talkers.find((one) => one.name === agent);
  const known = agents.data?.items.find((one) => one.name === agent);
  const sought = useQuery({
    queryKey: ["agents", "chat", agent],
    queryFn: () => call("GET /agents/{name}", { path: { name: agent } }),
    enabled: agent !== "" && agents.data !== undefined && known === undefined,
  });
  const unknown = known === undefined && agent !== "" ? sought.error : null;
  const other = known ?? sought.data;
  const fields: Partial<CreateRun> = {
    labels: VIA_CHAT,
    ...(agent ? { agent_name: agent } : {}),
    ...(!agent && executor ? { executor_type: executor } : {}),
    ...(mode ? { permission_mode: mode } : {}),
    ...(directory.trim() ? { project_dir: directory.trim() } : chosen?.directory ? { project_dir: chosen.directory } : {}),
    ...(model.trim() ? { model: model.trim() } : {}),
  };
  return (
    <>
      <div className={css.begin}>
        <h1>New conversation</h1>
        <p className={css.soft}>{chosen?.description ? inert(chosen.description) : "Say what is to be done. It is a session as every other: its runs, cost and children are on the callboard."}</p>
        {unknown && <Trouble problem={unknown} />}
        {other && !other.active && <p className={css.hint}>This agent is not active: it takes no new conversation.</p>}
        {other?.parameters_schema && <p className={css.hint}>This agent takes parameters, not words: <Link to={`/agents/${encodeURIComponent(agent)}?tab=run`}>run it by its form</Link>.</p>}
        {runners.data?.items.length === 0 && <p className={css.hint}>No runner is registered, so nobody would hear it. Start one where the work is: <code>callboard runner</code></p>}
        <div className={css.fields}>
          <label>Agent
            <select value={agent} onChange={(event) => onAgent(event.target.value)}>
              <option value="">none</option>
              {agent && !chosen && <option value={agent}>{agent}</option>}
              {talkers.map((one) => <option key={`${one.scope} ${one.name}`} value={one.name}>{inert(one.name)}</option>)}
            </select>
          </label>
          {!agent && (
            <label>Executor
              <select value={executor} onChange={(event) => setExecutor(event.target.value)}>
                <option value="">the default</option>
                {executors.map((one) => <option key={one}>{one}</option>)}
              </select>
            </label>
          )}
          <label>Permissions
            <select value={mode ?? ""} onChange={(event) => setMode(event.target.value as CreateRun["permission_mode"] | "")}>
              {MODES.map(([value, word]) => <option key={value} value={value}>{word}</option>)}
            </select>
          </label>
          <label>Directory
            <input value={directory} onChange={(event) => setDirectory(event.target.value)} placeholder={chosen?.directory ?? "the runner's"} list="chat-directories" />
          </label>
          <datalist id="chat-directories">
            {[...new Set((runners.data?.items ?? []).flatMap((one) => [one.project_dir, ...one.roots]))].filter(Boolean).map((one) => <option key={one} value={one} />)}
          </datalist>
          <label>Model
            <input value={model} onChange={(event) => setModel(event.target.value)} placeholder={chosen?.model ?? "the agent's"} />
          </label>
        </div>
      </div>
      {!unknown && <Beginning key={agent} scope={`new:${agent}`} fields={fields} onBegun={onBegun} placeholder={agent ? `Say something to ${inert(agent)}` : "What is to be done?"} />}
    </>
  );
}
