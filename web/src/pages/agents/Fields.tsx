// Labelled fields of forms: each with its hint, and what is wrong with it said to everybody.
import { useEffect, useId, type ReactNode, type RefObject } from "react";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import css from "../Agents.module.css";

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  wrong?: string;
  required?: boolean;
  short?: boolean;
  mono?: boolean;
  placeholder?: string;
  type?: "text" | "number";
  /** More than one line. */
  rows?: number;
  choices?: readonly (readonly [string, string])[];
  list?: readonly string[];
}

export function TextField({ label, value, onChange, hint, wrong = "", required = false, short = false, mono = false, placeholder, rows, choices, list }: FieldProps) {
  const id = useId();
  const about = `${hint ? `${id}-hint` : ""} ${wrong ? `${id}-wrong` : ""}`.trim();
  const shared = {
    id, value, placeholder, required, dir: "auto" as const, className: `${layout.field} ${short ? layout.short : ""} ${mono ? layout.mono : ""}`,
    "aria-invalid": wrong !== "", ...(about ? { "aria-describedby": about } : {}),
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div className={layout.labelled}>
      <label htmlFor={id}>{label}{required && <span className={layout.soft}> (needed)</span>}</label>
      {choices ? <select {...shared}>{choices.map(([name, word]) => <option key={name} value={name}>{word}</option>)}</select>
        : rows ? <textarea {...shared} rows={rows} spellCheck={!mono} /> : <input {...shared} {...(list ? { list: `${id}-list` } : {})} autoComplete="off" />}
      {list && <datalist id={`${id}-list`}>{list.map((one) => <option key={one} value={one} />)}</datalist>}
      {hint && <span id={`${id}-hint`} className={layout.hint}>{hint}</span>}
      {wrong && <span id={`${id}-wrong`} className={layout.wrong} role="alert">{wrong}</span>}
    </div>
  );
}

export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return <label className={css.check}><input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} /> {label}</label>;
}

interface ChecksProps {
  label: string;
  hint: string;
  wrong: string;
  required: boolean;
  /** Values as JSON, and how each is shown. */
  choices: readonly (readonly [string, string])[];
  /** The chosen ones, as a JSON array in the order of the choices. */
  value: string;
  onChange: (value: string) => void;
}

/** Any number of a few choices. */
export function Checks({ label, hint, wrong, required, choices, value, onChange }: ChecksProps) {
  const id = useId();
  const chosen = new Set((value ? (JSON.parse(value) as unknown[]) : []).map((one) => JSON.stringify(one)));
  const put = (one: string, on: boolean) => onChange(`[${choices.map(([name]) => name).filter((name) => (name === one ? on : chosen.has(name))).join(",")}]`);
  return (
    <fieldset className={css.inner} aria-invalid={wrong !== ""} {...(wrong ? { "aria-describedby": `${id}-wrong` } : {})}>
      <legend>{label}{required && <span className={layout.soft}> (needed)</span>}</legend>
      {choices.map(([one, word]) => <Check key={one} label={inert(word)} checked={chosen.has(one)} onChange={(on) => put(one, on)} />)}
      {hint && <span className={layout.hint}>{hint}</span>}
      {wrong && <span id={`${id}-wrong`} className={layout.wrong} role="alert">{wrong}</span>}
    </fieldset>
  );
}

/** Leads to the first thing that was found wrong, wherever in the form it stands. */
export function useLeadToWrong(form: RefObject<HTMLElement | null>, wrong: Readonly<Record<string, string>>): void {
  useEffect(() => {
    if (Object.keys(wrong).length === 0) return;
    const first = form.current?.querySelector<HTMLElement>(":is(input, textarea, select, fieldset)[aria-invalid='true'], [role='alert']:not([tabindex])");
    first?.focus({ preventScroll: true });
    first?.scrollIntoView({ block: "center" });
  }, [form, wrong]);
}
