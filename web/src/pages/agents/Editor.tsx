// Makes or changes an agent. A change says which state it changes; when somebody was faster, the person decides.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { callForAnswer, newKey, Problem } from "../../api/client";
import type { Agent } from "../../api/schema";
import { go } from "../../navigation";
import { useAction } from "../../parts/actions";
import { keep } from "../../parts/kept";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import { agentAddress } from "../Agents";
import css from "../Agents.module.css";
import { changeOf, differences, draftOf, wrongAt, wrongOf, type Draft } from "./draft";
import { placeOf, unsavedAt } from "./unsaved";
import { Check, TextField, useLeadToWrong } from "./Fields";
import { EditServers } from "./Servers";

/** In place of a state that is saved over: there is none any more. */
const ANEW = "anew";
const EXECUTORS = ["claude-code", "codex", "acp", "command", "scripted"];
const MODES = [["", "Left to the request"], ["read_only", "read only"], ["ask", "ask"], ["edit", "edit"], ["full", "full"]] as const;

interface Props {
  /** The agent that is changed; null makes a new one. */
  agent: Agent | null;
  etag: string | null;
  /** It was there, and is there no more. */
  gone?: boolean;
  /** Hands on the newest state of the agent. */
  onLatest: (agent: Agent, etag: string | null) => void;
}

export function Editor({ agent, etag, gone = false, onLatest }: Props) {
  const place = placeOf(agent?.name ?? "");
  const [unsaved] = useState(() => unsavedAt(place));
  const [draft, setDraft] = useState<Draft>(() => ({ ...draftOf(agent ?? {}), ...unsaved?.draft }));
  const [name, setName] = useState(unsaved?.name ?? "");
  const [wrong, setWrong] = useState<Record<string, string>>({});
  // What was written is a change of what was there then, also when somebody has changed it since.
  const [base, setBase] = useState(unsaved?.base ?? { agent, etag });
  const [theirs, setTheirs] = useState<{ agent: Agent; etag: string | null } | null>(null);
  const queries = useQueryClient();
  const key = useRef(newKey());
  const form = useRef<HTMLFormElement>(null);
  const conflict = useRef<HTMLDivElement>(null);
  useLeadToWrong(form, wrong);
  useEffect(() => conflict.current?.focus(), [theirs]);
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(base.agent ?? {})) || (base.agent === null && name !== "");
  useEffect(() => keep(sessionStorage, place, changed ? JSON.stringify({ name, draft, base }) : null), [place, changed, name, draft, base]);
  const put = (changed: Partial<Draft>) => {
    key.current = newKey();
    forget();
    setDraft({ ...draft, ...changed });
  };
  const at = (pointer: string) => wrongAt(wrong, pointer);

  const [save, saving, forget] = useAction(async (over: string | null) => {
    const { change, wrong: found } = changeOf(draft);
    setWrong(found);
    if (Object.keys(found).length > 0) {
      throw new Problem(422, "invalid_agent", "Some fields cannot be saved as they are.", Object.values(found)[0] ?? "");
    }
    try {
      const saved = base.agent && over !== ANEW
        ? await callForAnswer("PUT /agents/{name}", { path: { name: base.agent.name }, body: change, ...(over ? { etag: over } : {}) })
        : await callForAnswer("POST /agents", { body: { ...change, name: base.agent?.name ?? name }, idempotencyKey: key.current });
      setTheirs(null);
      // What was written meanwhile is the next change.
      setDraft((now) => (now === draft ? draftOf(saved.value) : now));
      keep(sessionStorage, place, null);
      await queries.invalidateQueries({ queryKey: ["agents"] });
      if (!base.agent) go(agentAddress(saved.value), { replace: true });
      setBase({ agent: saved.value, etag: saved.etag });
      onLatest(saved.value, saved.etag);
      return `${saved.value.name} is saved; what runs keeps the agent as it was.`;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code === "precondition_failed" && base.agent) {
        const latest = await callForAnswer("GET /agents/{name}", { path: { name: base.agent.name }, query: { scope: "api" } });
        setTheirs({ agent: latest.value, etag: latest.etag });
        return;
      }
      if (error.code === "agent_not_found" && base.agent) {
        await queries.invalidateQueries({ queryKey: ["agents", base.agent.name] });
        return;
      }
      setWrong(wrongOf(error.errors));
      throw error;
    }
  });

  return (
    <form ref={form} className={`${layout.card} ${layout.form} ${css.form}`} noValidate aria-label={agent ? `Edit ${agent.name}` : "New agent"} onSubmit={(event) => { event.preventDefault(); void save(base.etag); }}>
      {gone && base.agent && (
        <div className={css.conflict} role="alert">
          <p><strong>Somebody removed {base.agent.name} while you edited it.</strong> What is written here is of nobody until it is saved.</p>
          <div className={layout.line}><Button look="primary" disabled={saving} onClick={() => void save(ANEW)}>Make it anew with what is written</Button></div>
        </div>
      )}
      {theirs && base.agent && (
        <div ref={conflict} tabIndex={-1} className={css.conflict} role="alert">
          <p><strong>Somebody changed {base.agent.name} while you edited it.</strong> Changed there: {differences(base.agent, theirs.agent).join(", ") || "nothing that is shown here"}.</p>
          <div className={layout.line}>
            <Button onClick={() => { setDraft(draftOf(theirs.agent)); setBase(theirs); onLatest(theirs.agent, theirs.etag); setTheirs(null); }}>Take theirs</Button>
            <Button look="danger" disabled={saving} onClick={() => void save(theirs.etag)}>Save mine over it</Button>
          </div>
        </div>
      )}
      {unsaved && changed && !theirs && (
        <div role="status" className={layout.line}>
          <span className={layout.soft}>What was written here before and not saved stands in it again.</span>
          <Button look="quiet" onClick={() => { setDraft(draftOf(agent ?? {})); setName(""); setBase({ agent, etag }); }}>Let go of it</Button>
        </div>
      )}
      {!agent && <TextField label="Name" short required value={name} onChange={(value) => { key.current = newKey(); setName(value); }} hint="Letters, digits, - and _." wrong={at("/name")} />}
      <TextField label="Description" rows={2} value={draft.description} onChange={(description) => put({ description })} hint="By which people and agents choose it." wrong={at("/description")} />
      <TextField label="System prompt" rows={8} mono value={draft.system_prompt} onChange={(system_prompt) => put({ system_prompt })} wrong={at("/system_prompt")} />
      <div className={layout.pair}>
        <TextField label="Executor" value={draft.executor} onChange={(executor) => put({ executor })} list={EXECUTORS} placeholder="left to the request" wrong={at("/executor")} />
        <TextField label="Model" value={draft.model} onChange={(model) => put({ model })} placeholder="left to the executor" wrong={at("/model")} />
        <TextField label="Permission mode" value={draft.permission_mode} onChange={(permission_mode) => put({ permission_mode })} choices={MODES} wrong={at("/permission_mode")} />
      </div>
      <Check label="It may use every tool of its executor" checked={draft.allTools} onChange={(allTools) => put({ allTools })} />
      {!draft.allTools && <TextField label="Tools" rows={3} mono value={draft.tools} onChange={(tools) => put({ tools })} hint="One on each line; none at all when empty." wrong={at("/tools")} />}
      <div className={layout.pair}>
        <TextField label="Tags" value={draft.tags} onChange={(tags) => put({ tags })} hint="Separated by commas; for finding it." wrong={at("/tags")} />
        <TextField label="Runner's tags" value={draft.demandsTags} onChange={(demandsTags) => put({ demandsTags })} hint="Demanded of whoever runs it." wrong={at("/demands/tags")} />
        <TextField label="Runner's host" value={draft.demandsHostname} onChange={(demandsHostname) => put({ demandsHostname })} wrong={at("/demands/hostname")} />
        <TextField label="Directory" mono value={draft.demandsDirectory} onChange={(demandsDirectory) => put({ demandsDirectory })} wrong={at("/demands/project_dir")} />
      </div>
      <div className={layout.pair}>
        <TextField label="Time limit in seconds" value={draft.timeout} onChange={(timeout) => put({ timeout })} wrong={at("/limits/timeout_seconds")} />
        <TextField label="Turns at most" value={draft.maxTurns} onChange={(maxTurns) => put({ maxTurns })} wrong={at("/limits/max_turns")} />
        <TextField label="Budget in dollars" value={draft.budget} onChange={(budget) => put({ budget })} wrong={at("/limits/budget_microdollars")} />
        <TextField label="Budget in tokens" value={draft.budgetTokens} onChange={(budgetTokens) => put({ budgetTokens })} wrong={at("/limits/budget_tokens")} />
      </div>
      <EditServers draft={draft} wrong={wrong} onChange={put} />
      <TextField label="Schema of its parameters" rows={6} mono value={draft.parametersSchema} onChange={(parametersSchema) => put({ parametersSchema })} hint="JSON schema of an object: the form under Run is made from it. Empty: it takes a prompt." wrong={at("/parameters_schema")} />
      <TextField label="Schema of its result" rows={4} mono value={draft.outputSchema} onChange={(outputSchema) => put({ outputSchema })} hint="JSON schema. Empty: its result is a text." wrong={at("/output_schema")} />
      <Check label="Active: it may be run" checked={draft.active} onChange={(active) => put({ active })} />
      <div className={layout.line}><Button type="submit" look="primary" disabled={saving || gone}>{agent ? "Save" : "Make the agent"}</Button></div>
    </form>
  );
}
