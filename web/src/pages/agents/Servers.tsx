// The MCP servers of an agent, shown and edited: addresses with headers, in which ${…} is filled in when it starts.
import type { Agent } from "../../api/schema";
import { asText, inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import css from "../Agents.module.css";
import { NEW_SERVER, wrongAt, type Draft, type ServerDraft } from "./draft";
import { TextField } from "./Fields";

export const TEMPLATES: readonly [string, string][] = [
  ["${AGENT_SESSION_ID}", "the session's id"], ["${CALLBOARD_TOKEN}", "the attempt's own token"], ["${CALLBOARD_URL}", "the coordinator"], ["${PROJECT_DIR}", "where it works"],
];

/** A text with its templates marked. */
function Templated({ text }: { text: string }) {
  return <>{inert(text).split(/(\$\{\w+\})/).map((part, index) => (index % 2 ? <span key={index} className={css.template}>{part}</span> : part))}</>;
}

export function Servers({ agent }: { agent: Agent }) {
  const servers = agent.mcp_servers;
  if (!servers || (Array.isArray(servers) ? servers.length : Object.keys(servers).length) === 0) {
    return <p className={layout.soft}>None of its own. It has Callboard's own tools on every runner.</p>;
  }
  if (Array.isArray(servers)) return <><p className={layout.tags}>{servers.map((name) => <span key={name} className={layout.tag}>{inert(name)}</span>)}</p><p className={layout.soft}>Described in the file of the runner's machine.</p></>;
  return (
    <>
      {Object.entries(servers).map(([name, server]) => (
        <div key={name} className={css.server}>
          <div className={layout.line}><strong>{inert(name)}</strong><span className={layout.tag}>{server.command ? "stdio" : (server.type ?? "http")}</span></div>
          <dl className={layout.facts}>
            {server.url && <><dt>Address</dt><dd className={layout.mono}><Templated text={server.url} /></dd></>}
            {server.command && <><dt>Command</dt><dd className={layout.mono}><Templated text={[server.command, ...(server.args ?? [])].map(asText).join(" ")} /></dd></>}
            {Object.entries(server.headers ?? {}).map(([header, value]) => <Line key={header} name={header} value={value} />)}
            {Object.entries(server.env ?? {}).map(([variable, value]) => <Line key={variable} name={variable} value={value} />)}
          </dl>
        </div>
      ))}
      <TemplateHelp />
    </>
  );
}

function Line({ name, value }: { name: string; value: string }) {
  return <><dt className={layout.mono}>{inert(name)}</dt><dd className={layout.mono}><Templated text={value} /></dd></>;
}

function TemplateHelp() {
  return <p className={layout.hint}>Filled in by the runner when the agent starts: {TEMPLATES.map(([name, words], index) => <span key={name}>{index > 0 && ", "}<code className={css.template}>{name}</code> {words}</span>)}.</p>;
}

interface EditProps {
  draft: Draft;
  wrong: Record<string, string>;
  onChange: (changed: Partial<Draft>) => void;
}

export function EditServers({ draft, wrong, onChange }: EditProps) {
  const put = (index: number, changed: Partial<ServerDraft>) => onChange({ servers: draft.servers.map((one, at) => (at === index ? { ...one, ...changed } : one)) });
  return (
    <fieldset className={layout.form}>
      <legend className={layout.labelled}><strong>MCP servers</strong></legend>
      <TextField label="Which" short value={draft.serverKind} onChange={(value) => onChange({ serverKind: value as Draft["serverKind"], ...(value === "servers" && draft.servers.length === 0 ? { servers: [NEW_SERVER] } : {}) })}
        choices={[["none", "None of its own"], ["servers", "Addresses, said here"], ["names", "Names from the runner's file"]]} />
      {draft.serverKind === "names" && <TextField label="Names" value={draft.serverNames} onChange={(serverNames) => onChange({ serverNames })} hint="Separated by commas." wrong={wrongAt(wrong, "/mcp_servers")} />}
      {draft.serverKind === "servers" && draft.servers.map((server, index) => (
        <div key={index} className={css.server}>
          <div className={layout.pair}>
            <TextField label="Name of the server" value={server.name} onChange={(name) => put(index, { name })} wrong={wrongAt(wrong, `/mcp_servers/${index}`) || wrongAt(wrong, `/mcp_servers/${server.name}`)} />
            <TextField label="Type" value={server.type} onChange={(type) => put(index, { type: type as ServerDraft["type"] })} choices={[["http", "http"], ["sse", "sse"], ["stdio", "stdio: a program (the owner's token only)"]]} />
          </div>
          {server.type === "stdio" ? (
            <>
              <TextField label="Command" mono value={server.command} onChange={(command) => put(index, { command })} hint="Only the owner's token may name programs; a browser cannot save this: use callboard agent sync, or name a server of the runner's file." />
              <TextField label="Arguments" mono rows={2} value={server.args} onChange={(args) => put(index, { args })} hint="One on each line." />
              <TextField label="Environment" mono rows={2} value={server.env} onChange={(env) => put(index, { env })} hint="NAME=value, one on each line." />
            </>
          ) : (
            <>
              <TextField label="Address" mono value={server.url} onChange={(url) => put(index, { url })} placeholder="https://…/mcp" />
              <TextField label="Headers" mono rows={3} value={server.headers} onChange={(headers) => put(index, { headers })} hint="Name: value, one on each line." />
            </>
          )}
          <div><Button look="danger" onClick={() => onChange({ servers: draft.servers.filter((_, at) => at !== index) })}>Remove {server.name || "the server"}</Button></div>
        </div>
      ))}
      {draft.serverKind === "servers" && <><div><Button onClick={() => onChange({ servers: [...draft.servers, NEW_SERVER] })}>Add a server</Button></div><TemplateHelp /></>}
    </fieldset>
  );
}
