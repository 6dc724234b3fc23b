// An agent's question, with its choices by number, or its plan: what is answered here is a decision on its request.
import { useState } from "react";
import type { Key } from "../keyboard/registry";
import { inert } from "./inert";
import { Markdown } from "./Markdown";
import { Button } from "./Parts";
import { withAnswers, type Answered, type Question } from "./questions";
import css from "./QuestionCard.module.css";

const NUMBERS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

/** The keys by which the choices of the marked question are pressed, or of the only one that there is. */
export const NUMBER_KEYS: readonly Key[] = NUMBERS.map((number) => ({
  keys: number, does: "Give this answer to the question", where: "Questions", walks: true, run: () => press(number),
}));

function press(number: string): void {
  const all = document.querySelectorAll<HTMLElement>("[data-question]");
  const marked = document.activeElement?.closest("[data-approval], [data-question]");
  const within = marked?.matches("[data-question]") ? marked : marked?.querySelector("[data-question]") ?? (all.length === 1 ? all[0] : null);
  within?.querySelector<HTMLButtonElement>(`[data-number="${number}"]`)?.click();
}

interface QuestionsProps {
  input: unknown;
  questions: readonly Question[];
  busy: boolean;
  onAnswer: (input: Record<string, unknown>) => void;
  onDecline: () => void;
}

/** The only question is answered by its choice, several by the button below them. */
export function Questions({ input, questions, busy, onAnswer, onDecline }: QuestionsProps) {
  const [answered, setAnswered] = useState<readonly Answered[]>(questions.map(() => ({ chosen: [], other: "" })));
  const atOnce = questions.length === 1 && questions[0]?.several === false;
  const put = (index: number, changed: Partial<Answered>) => {
    const next = answered.map((one, at) => (at === index ? { ...one, ...changed } : one));
    setAnswered(next);
    return next;
  };
  const choose = (index: number, label: string) => {
    const { chosen = [], other = "" } = answered[index] ?? {};
    const several = questions[index]?.several;
    const next = put(index, { chosen: !several ? [label] : chosen.includes(label) ? chosen.filter((one) => one !== label) : [...chosen, label], other: several ? other : "" });
    const given = atOnce ? withAnswers(input, questions, next) : null;
    if (given && !busy) onAnswer(given);
  };
  const given = withAnswers(input, questions, answered);
  // Numbers go on over all questions, as one key has one meaning.
  const before = questions.map((_, index) => questions.slice(0, index).reduce((sum, one) => sum + one.choices.length, 0));
  return (
    <form className={css.questions} data-question="" onSubmit={(event) => {
      event.preventDefault();
      if (given && !busy) onAnswer(given);
    }}>
      {questions.map((one, index) => (
        <fieldset key={one.question} className={css.question}>
          <legend dir="auto">{inert(one.question)}{one.several && <span className={css.soft}> (any number of these)</span>}</legend>
          {one.choices.map((choice, at) => {
            const number = (before[index] ?? 0) + at + 1;
            return (
              <button key={number} type="button" className={css.choice} disabled={busy} data-number={number}
                aria-pressed={answered[index]?.chosen.includes(choice.label) ?? false} onClick={() => choose(index, choice.label)}>
                <kbd>{number}</kbd>
                <span dir="auto"><span className={css.label}>{inert(choice.label)}</span>{choice.description && <span className={css.soft}>{inert(choice.description)}</span>}</span>
              </button>
            );
          })}
          <input dir="auto" aria-label={`Another answer to ${inert(one.question)}`} placeholder="Another answer" value={answered[index]?.other ?? ""} maxLength={4000}
            onChange={(event) => put(index, { other: event.target.value, ...(one.several ? {} : { chosen: [] }) })} />
        </fieldset>
      ))}
      <div className={css.buttons}>
        <Button type="submit" look="primary" disabled={busy || given === null}>Answer</Button>
        <Button look="quiet" disabled={busy} data-decide="deny" onClick={onDecline}>Do not answer</Button>
      </div>
    </form>
  );
}

interface PlanProps {
  plan: string;
  open: boolean;
  busy: boolean;
  onApprove: () => void;
  onChange: (wanted: string) => void;
}

/** A plan is approved, or goes back with what is to be changed. */
export function Plan({ plan, open, busy, onApprove, onChange }: PlanProps) {
  const [wanted, setWanted] = useState("");
  return (
    <div className={css.questions}>
      {plan ? <div className={css.plan}><Markdown text={plan} /></div>
        : <p className={css.soft}>The plan is no part of the request: it stands in what the agent said or wrote before.</p>}
      {open && (
        <div className={css.buttons}>
          <Button look="primary" data-decide="allow" disabled={busy} onClick={onApprove}>Approve the plan</Button>
          <input dir="auto" aria-label="What is to be changed" placeholder="What is to be changed" value={wanted} maxLength={4000} onChange={(event) => setWanted(event.target.value)} />
          <Button data-decide="deny" disabled={busy || wanted.trim() === ""} onClick={() => onChange(wanted.trim())}>Request changes</Button>
        </div>
      )}
    </div>
  );
}

/** What was answered, once it is. */
export function Answers({ questions, answers }: { questions: readonly Question[]; answers: unknown }) {
  const given = answers && typeof answers === "object" ? (answers as Record<string, unknown>) : {};
  return (
    <dl className={css.answers}>
      {questions.map((one) => (
        <div key={one.question}>
          <dt dir="auto">{inert(one.question)}</dt>
          {typeof given[one.question] === "string" && <dd dir="auto">{inert(String(given[one.question]))}</dd>}
        </div>
      ))}
    </dl>
  );
}
