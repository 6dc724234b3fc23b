// Starts an agent: a form out of its parameters' schema, or a prompt where it has none.
import { useRef, useState } from "react";
import { call, newKey, Problem } from "../../api/client";
import type { Agent, CreateRun } from "../../api/schema";
import { go } from "../../navigation";
import { useAction } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import { HiddenBy } from "../Agents";
import css from "../Agents.module.css";
import { wrongAt, wrongOf } from "./draft";
import { Checks, TextField, useLeadToWrong } from "./Fields";
import { parametersOf, partsOf, type Field, type Part } from "./schema";

export function RunForm({ agent }: { agent: Agent }) {
  const parts = agent.parameters_schema ? partsOf(agent.parameters_schema) : null;
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [prompt, setPrompt] = useState("");
  const [title, setTitle] = useState("");
  const [directory, setDirectory] = useState(agent.demands.project_dir ?? (agent.scope === "project" ? (agent.directory ?? "") : ""));
  const [tags, setTags] = useState("");
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const key = useRef(newKey());
  const form = useRef<HTMLFormElement>(null);
  useLeadToWrong(form, wrong);
  const [start, starting, forget] = useAction(async () => {
    const made = parts ? parametersOf(parts, texts) : { parameters: {}, wrong: prompt.trim() ? {} : { "/prompt": "Say what it is to do." } };
    setWrong(Object.fromEntries(Object.entries(made.wrong).map(([pointer, words]) => [parts ? `/parameters${pointer}` : pointer, words])));
    if (Object.keys(made.wrong).length > 0) return;
    const demanded = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
    const body: CreateRun = {
      type: "start_session", agent_name: agent.name, ...(parts ? { parameters: made.parameters } : { prompt }), ...(title.trim() ? { title: title.trim() } : {}),
      ...(directory.trim() ? { project_dir: directory.trim() } : {}), ...(demanded.length > 0 ? { additional_demands: { tags: demanded } } : {}),
    };
    try {
      const run = await call("POST /runs", { body, idempotencyKey: key.current });
      go(`/sessions/${run.session_id}`);
    } catch (error) {
      if (error instanceof Problem && error.status > 0) {
        key.current = newKey();
        setWrong(wrongOf(error.errors));
      }
      throw error;
    }
  });
  const change = <T,>(set: (value: T) => void) => (value: T) => {
    key.current = newKey();
    forget();
    set(value);
  };
  if (!agent.active) return <p className={layout.soft}>It is inactive. Make it active under Edit to run it.</p>;
  return (
    <form ref={form} className={`${layout.card} ${css.form}`} noValidate aria-label={`Run ${agent.name}`} onSubmit={(event) => { event.preventDefault(); void start(); }}>
      {agent.hidden_by.length > 0 && <p className={css.conflict} role="status"><span><strong>This one is hidden.</strong> <HiddenBy agent={agent} /></span></p>}
      {parts ? <Parts parts={parts} texts={texts} wrong={wrong} onChange={(pointer, value) => change(setTexts)({ ...texts, [pointer]: value })} />
        : <TextField label="Prompt" value={prompt} onChange={change(setPrompt)} rows={5} required wrong={wrongAt(wrong, "/prompt")} />}
      {parts && wrong["/parameters"] && parts[0]?.pointer !== "" && <p role="alert" className={layout.wrong}>{wrong["/parameters"]}</p>}
      <div className={layout.pair}>
        <TextField label="Title" value={title} onChange={change(setTitle)} hint="Else how its input begins." wrong={wrongAt(wrong, "/title")} />
        <TextField label="Directory" mono value={directory} onChange={change(setDirectory)} hint="Else that of the runner that takes it." wrong={wrongAt(wrong, "/project_dir")} />
        <TextField label="Tags demanded of the runner" value={tags} onChange={change(setTags)} hint={agent.demands.tags?.length ? `Besides ${agent.demands.tags.join(", ")}, which the agent demands.` : "Separated by commas."} wrong={wrongAt(wrong, "/additional_demands")} />
      </div>
      <div><Button type="submit" look="primary" disabled={starting}>Start {agent.name}</Button></div>
    </form>
  );
}

interface PartsProps {
  parts: readonly Part[];
  texts: Readonly<Record<string, string>>;
  wrong: Readonly<Record<string, string>>;
  onChange: (pointer: string, value: string) => void;
}

function Parts({ parts, texts, wrong, onChange }: PartsProps) {
  return parts.map((part) => (part.kind === "object" ? (
    <fieldset key={part.pointer} className={css.inner}>
      <legend>{inert(part.title)}{part.required && <span className={layout.soft}> (needed)</span>}</legend>
      {part.description && <p className={layout.hint}>{inert(part.description)}</p>}
      {wrong[`/parameters${part.pointer}`] && <p role="alert" className={layout.wrong}>{wrong[`/parameters${part.pointer}`]}</p>}
      <Parts parts={part.parts} texts={texts} wrong={wrong} onChange={onChange} />
    </fieldset>
  ) : (
    <SchemaField key={part.pointer} field={part} value={texts[part.pointer] ?? part.initial} wrong={wrongAt(wrong, `/parameters${part.pointer}`)}
      onChange={(value) => onChange(part.pointer, value)} />
  )));
}

const ROWS = { long: 4, lines: 3, numbers: 3, json: 4 } as const;
const HINTS: Partial<Record<Field["kind"], string>> = { lines: "One on each line.", numbers: "Numbers, one on each line.", json: "JSON." };

function SchemaField({ field, value, wrong, onChange }: { field: Field; value: string; wrong: string; onChange: (value: string) => void }) {
  if (field.kind === "many") return <Checks label={inert(field.title)} hint={inert(field.description)} wrong={wrong} choices={field.choices} value={value} onChange={onChange} required={field.required} />;
  const choices = field.kind === "choice" ? field.choices.map(([one, word]) => [one, inert(word)] as const) : field.kind === "yes_no" ? ([["yes", "yes"], ["no", "no"]] as const) : undefined;
  const rows = field.kind in ROWS ? ROWS[field.kind as keyof typeof ROWS] : undefined;
  const hint = [inert(field.description), HINTS[field.kind]].filter(Boolean).join(" ");
  return (
    <TextField label={inert(field.title)} value={value} onChange={onChange} wrong={wrong} required={field.required} hint={hint}
      {...(rows ? { rows } : {})} mono={field.kind === "json"} short={["number", "integer", "yes_no", "choice"].includes(field.kind)}
      {...(choices ? { choices: value === "" || !field.required ? [["", "–"] as const, ...choices] : choices } : {})} />
  );
}
