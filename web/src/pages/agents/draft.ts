// An agent as a person edits it, in texts, and the change that these make. Pure; the coordinator checks all of it again.
import type { Agent, ChangeAgent, McpServer } from "../../api/schema";
import { parsed } from "./schema";

export interface ServerDraft {
  name: string;
  type: "http" | "sse" | "stdio";
  url: string;
  headers: string;
  command: string;
  args: string;
  env: string;
}

export interface Draft {
  description: string;
  executor: string;
  model: string;
  permission_mode: string;
  allTools: boolean;
  tools: string;
  tags: string;
  demandsHostname: string;
  demandsDirectory: string;
  demandsTags: string;
  timeout: string;
  maxTurns: string;
  budget: string;
  budgetTokens: string;
  active: boolean;
  system_prompt: string;
  parametersSchema: string;
  outputSchema: string;
  serverKind: "none" | "names" | "servers";
  serverNames: string;
  servers: ServerDraft[];
}

export const NEW_SERVER: ServerDraft = { name: "", type: "http", url: "", headers: "X-Agent-Session-Id: ${AGENT_SESSION_ID}", command: "", args: "", env: "" };
const json = (value: unknown) => (value === null || value === undefined ? "" : JSON.stringify(value, null, 2));
const text = (value: unknown) => (value === null || value === undefined ? "" : String(value));
const lines = (whole: string) => whole.split("\n").map((line) => line.trim()).filter(Boolean);
const words = (whole: string) => whole.split(/[,\n]/).map((word) => word.trim()).filter(Boolean);
const pairs = (values: Record<string, string> | undefined, between: string) => Object.entries(values ?? {}).map(([name, value]) => name + between + value).join("\n");

export function draftOf(agent: Partial<Agent>): Draft {
  const servers = agent.mcp_servers;
  const named = Array.isArray(servers);
  return {
    description: agent.description ?? "", executor: agent.executor ?? "", model: agent.model ?? "", permission_mode: agent.permission_mode ?? "",
    allTools: (agent.tools ?? null) === null, tools: (agent.tools ?? []).join("\n"), tags: (agent.tags ?? []).join(", "),
    demandsHostname: agent.demands?.hostname ?? "", demandsDirectory: agent.demands?.project_dir ?? "", demandsTags: (agent.demands?.tags ?? []).join(", "),
    timeout: text(agent.limits?.timeout_seconds), maxTurns: text(agent.limits?.max_turns), budgetTokens: text(agent.limits?.budget_tokens),
    budget: agent.limits?.budget_microdollars == null ? "" : String(agent.limits.budget_microdollars / 1_000_000),
    active: agent.active ?? true, system_prompt: agent.system_prompt ?? "",
    parametersSchema: json(agent.parameters_schema), outputSchema: json(agent.output_schema),
    serverKind: servers ? (named ? "names" : "servers") : "none", serverNames: named ? servers.join(", ") : "",
    servers: servers && !named ? Object.entries(servers).map(([name, server]) => serverDraft(name, server)) : [],
  };
}

function serverDraft(name: string, server: McpServer): ServerDraft {
  return {
    name, type: server.command ? "stdio" : server.type === "sse" ? "sse" : "http", url: server.url ?? "", headers: pairs(server.headers, ": "),
    command: server.command ?? "", args: (server.args ?? []).join("\n"), env: pairs(server.env, "="),
  };
}

/** What the draft says, and by pointer what of it cannot be. */
export function changeOf(draft: Draft): { change: ChangeAgent; wrong: Record<string, string> } {
  const wrong: Record<string, string> = {};
  const number = (pointer: string, whole: string, factor = 1): number | undefined => {
    if (whole.trim() === "") return undefined;
    const value = Number(whole) * factor;
    if (!Number.isFinite(value) || value < 0) wrong[pointer] = "It is no number of zero or more.";
    return factor === 1 ? value : Math.round(value);
  };
  const schema = (pointer: string, whole: string): Record<string, unknown> | null => {
    if (whole.trim() === "") return null;
    const [value, problem] = parsed(whole);
    if (problem) wrong[pointer] = problem;
    else if (typeof value !== "object" || value === null || Array.isArray(value)) wrong[pointer] = "A schema is an object.";
    return value as Record<string, unknown>;
  };
  const limits = without({
    timeout_seconds: number("/limits/timeout_seconds", draft.timeout), max_turns: number("/limits/max_turns", draft.maxTurns),
    budget_microdollars: number("/limits/budget_microdollars", draft.budget, 1_000_000), budget_tokens: number("/limits/budget_tokens", draft.budgetTokens),
  });
  const change: ChangeAgent = {
    description: draft.description, executor: draft.executor.trim() || null, model: draft.model.trim() || null,
    permission_mode: (draft.permission_mode || null) as ChangeAgent["permission_mode"] & string | null,
    tools: draft.allTools ? null : lines(draft.tools), tags: words(draft.tags), active: draft.active, system_prompt: draft.system_prompt,
    demands: { ...without({ hostname: draft.demandsHostname.trim() || undefined, project_dir: draft.demandsDirectory.trim() || undefined }), tags: words(draft.demandsTags) },
    limits, parameters_schema: schema("/parameters_schema", draft.parametersSchema), output_schema: schema("/output_schema", draft.outputSchema),
    mcp_servers: draft.serverKind === "none" ? null : draft.serverKind === "names" ? words(draft.serverNames) : serversOf(draft.servers, wrong),
  };
  return { change, wrong };
}

function serversOf(drafts: readonly ServerDraft[], wrong: Record<string, string>): Record<string, McpServer> {
  const servers: Record<string, McpServer> = {};
  drafts.forEach((draft, index) => {
    const name = draft.name.trim();
    const place = `/mcp_servers/${index}`;
    if (!name) wrong[place] = "The server needs a name.";
    else if (name in servers) wrong[place] = `There are two servers ${name}.`;
    else if (draft.type === "stdio" ? !draft.command.trim() : !/^https?:\/\/|^\$\{/.test(draft.url.trim())) {
      wrong[place] = draft.type === "stdio" ? "It needs a command." : "Its address begins with http:// or https://.";
    }
    servers[name] = draft.type === "stdio"
      ? without({ type: "stdio" as const, command: draft.command.trim(), args: lines(draft.args), env: pairsOf(draft.env, "=", `${place}/env`, wrong) })
      : without({ type: draft.type, url: draft.url.trim(), headers: pairsOf(draft.headers, ":", `${place}/headers`, wrong) });
  });
  return servers;
}

function pairsOf(whole: string, between: string, place: string, wrong: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of lines(whole)) {
    const at = line.indexOf(between);
    if (at < 1) wrong[place] = `${line.slice(0, 40)} is not of the form NAME${between === ":" ? ": " : between}VALUE.`;
    else found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

function without<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** The fields in which two states of an agent differ, by the names that the API gives them. */
export function differences(one: Agent, other: Agent): string[] {
  const fields = ["description", "executor", "model", "permission_mode", "tools", "tags", "demands", "limits", "active", "system_prompt", "parameters_schema", "output_schema", "mcp_servers"] as const;
  return fields.filter((field) => JSON.stringify(one[field]) !== JSON.stringify(other[field])).map((field) => field.replaceAll("_", " "));
}

/** By pointer what the coordinator refused. */
export function wrongOf(errors: readonly Record<string, unknown>[]): Record<string, string> {
  const told = errors.map((error) => [String(error.pointer ?? ""), String(error.message ?? "does not fit")] as const);
  return Object.fromEntries(told);
}

/** What is wrong at a place or below it. */
export function wrongAt(wrong: Readonly<Record<string, string>>, pointer: string): string {
  const found = Object.entries(wrong).find(([place]) => place === pointer || place.startsWith(`${pointer}/`));
  return found ? (found[0] === pointer ? found[1] : `${found[0].slice(pointer.length + 1)}: ${found[1]}`) : "";
}
