// Starts an agent: a form out of its parameters' schema, or a prompt where it has none.
import { useRef, useState } from "react";
import { call, newKey, Problem } from "../../api/client";
import type { Agent, CreateRun } from "../../api/schema";
import { go } from "../../navigation";
import { useAction } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import css from "../Agents.module.css";
import { wrongAt, wrongOf } from "./draft";
import { TextField } from "./Fields";
import { fieldsOf, parametersOf, WHOLE, type Field } from "./schema";

export function RunForm({ agent }: { agent: Agent }) {
  const fields = agent.parameters_schema ? fieldsOf(agent.parameters_schema) : null;
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [prompt, setPrompt] = useState("");
  const [title, setTitle] = useState("");
  const [directory, setDirectory] = useState(agent.demands.project_dir ?? (agent.scope === "project" ? (agent.directory ?? "") : ""));
  const [tags, setTags] = useState("");
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const key = useRef(newKey());
  const [start, starting] = useAction(async () => {
    const made = fields ? parametersOf(fields, texts) : { parameters: {}, wrong: prompt.trim() ? {} : { prompt: "Say what it is to do." } };
    setWrong(pointers(made.wrong));
    if (Object.keys(made.wrong).length > 0) return;
    const demanded = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
    const body: CreateRun = {
      type: "start_session", agent_name: agent.name, ...(fields ? { parameters: made.parameters } : { prompt }), ...(title.trim() ? { title: title.trim() } : {}),
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
    set(value);
  };
  if (!agent.active) return <p className={layout.soft}>It is inactive. Make it active under Edit to run it.</p>;
  return (
    <form className={`${layout.card} ${css.form}`} noValidate aria-label={`Run ${agent.name}`} onSubmit={(event) => { event.preventDefault(); void start(); }}>
      {fields ? fields.map((field) => (
        <SchemaField key={field.name} field={field} value={texts[field.name] ?? field.initial} wrong={wrongAt(wrong, field.name === WHOLE ? "/parameters" : `/parameters/${field.name.replaceAll("~", "~0").replaceAll("/", "~1")}`)}
          onChange={change((value: string) => setTexts({ ...texts, [field.name]: value }))} />
      )) : <TextField label="Prompt" value={prompt} onChange={change(setPrompt)} rows={5} required wrong={wrongAt(wrong, "/prompt") || (wrong["/parameters/prompt"] ?? "")} />}
      <div className={layout.pair}>
        <TextField label="Title" value={title} onChange={change(setTitle)} hint="Else how its input begins." wrong={wrongAt(wrong, "/title")} />
        <TextField label="Directory" mono value={directory} onChange={change(setDirectory)} hint="Else that of the runner that takes it." wrong={wrongAt(wrong, "/project_dir")} />
        <TextField label="Tags demanded of the runner" value={tags} onChange={change(setTags)} hint={agent.demands.tags?.length ? `Besides ${agent.demands.tags.join(", ")}, which the agent demands.` : "Separated by commas."} wrong={wrongAt(wrong, "/additional_demands")} />
      </div>
      <div><Button type="submit" look="primary" disabled={starting}>Start {agent.name}</Button></div>
    </form>
  );
}

/** What is wrong by name of a field, as the coordinator would point to it. */
function pointers(wrong: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(wrong).map(([name, words]) => [name === WHOLE ? "/parameters" : `/parameters/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, words]));
}

const ROWS = { long: 4, lines: 3, json: 4 } as const;
const HINTS: Partial<Record<Field["kind"], string>> = { lines: "One on each line.", json: "JSON." };

function SchemaField({ field, value, wrong, onChange }: { field: Field; value: string; wrong: string; onChange: (value: string) => void }) {
  const choices = field.kind === "choice" ? field.choices.map((one) => [one, inert(one)] as const) : field.kind === "yes_no" ? ([["yes", "yes"], ["no", "no"]] as const) : undefined;
  const rows = field.kind in ROWS ? ROWS[field.kind as keyof typeof ROWS] : undefined;
  const hint = [inert(field.description), HINTS[field.kind]].filter(Boolean).join(" ");
  return (
    <TextField label={inert(field.title)} value={value} onChange={onChange} wrong={wrong} required={field.required} hint={hint}
      {...(rows ? { rows } : {})} mono={field.kind === "json"} short={["number", "integer", "yes_no", "choice"].includes(field.kind)}
      {...(choices ? { choices: value === "" || !field.required ? [["", "–"] as const, ...choices] : choices } : {})} />
  );
}
