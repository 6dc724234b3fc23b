// Sets, raises, lowers or takes away what a session and all below it may spend; asks before that stops what runs.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/client";
import type { Budget } from "../../api/schema";
import { amountInWords } from "../../live/eventSentences";
import { Link } from "../../navigation";
import { useAttempt } from "../../parts/actions";
import layout from "../../parts/layout.module.css";
import { Named } from "../../parts/Named";
import { Button, Dialog } from "../../parts/Parts";
import { budgetAddress } from "./address";
import { readDollars, readTokens, type Written } from "./amounts";

type Unit = "microdollars" | "tokens";
const UNITS = ["microdollars", "tokens"] as const;

interface Props {
  sessionId: string;
  /** Its own; null where it has none. */
  budget: Budget | null;
}

export function BudgetForm({ sessionId, budget }: Props) {
  const [dollars, setDollars] = useState(budget?.budget_microdollars ? (budget.budget_microdollars / 1_000_000).toFixed(2) : "");
  const [tokens, setTokens] = useState(budget?.budget_tokens ? String(budget.budget_tokens) : "");
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const written = { microdollars: readDollars(dollars), tokens: readTokens(tokens) };
  const changes = UNITS.filter((unit) => "amount" in written[unit] && amountOf(written[unit]) !== limitOf(budget, unit));
  const fits = changes.length > 0 && UNITS.every((unit) => "amount" in written[unit]);
  const short = changes.find((unit) => amountOf(written[unit]) !== null && (amountOf(written[unit]) ?? 0) <= spentOf(budget, unit));
  const { run, busy, problem, forget } = useAttempt(async () => {
    setAsking(false);
    const body = {
      ...Object.fromEntries(changes.flatMap((unit) => (amountOf(written[unit]) === null ? [] : [[`budget_${unit}`, amountOf(written[unit])]]))),
      unlimited: changes.filter((unit) => amountOf(written[unit]) === null),
    };
    const changed = await call("POST /sessions/{session_id}/budget", { path: { session_id: sessionId }, body });
    await Promise.all([queries.invalidateQueries({ queryKey: ["usage"] }), queries.invalidateQueries({ queryKey: ["session", sessionId] })]);
    return changed.resumed.length > 0 ? "The budget is changed; what it had stopped goes on." : "The budget is changed.";
  });
  return (
    <form className={layout.form} onSubmit={(event) => { event.preventDefault(); if (fits) { if (short) setAsking(true); else void run(); } }}>
      <div className={layout.pair}>
        <Field id="budget" label="Budget in dollars" text={dollars} written={written.microdollars} onChange={(text) => { forget(); setDollars(text); }} />
        <Field id="budget-tokens" label="Budget in tokens" text={tokens} written={written.tokens} onChange={(text) => { forget(); setTokens(text); }} />
      </div>
      <div className={layout.line}>
        <Button type="submit" disabled={!fits || busy}>{budget === null ? "Set" : "Change"}</Button>
        <span className={layout.hint}>In all, with what is spent already. An empty field is no limit.</span>
      </div>
      {problem && <Refused problem={problem} own={sessionId} />}
      {asking && short && (
        <Dialog title="Lower it below what is spent?" onClose={() => setAsking(false)}>
          <p>{amountInWords(short, spentOf(budget, short))} is spent already. With {amountInWords(short, amountOf(written[short]) ?? 0)} in all, what runs in it is stopped, and nothing starts until it is raised.</p>
          <div className={layout.line}>
            <Button look="danger" onClick={() => void run()}>Lower it</Button>
            <Button look="quiet" onClick={() => setAsking(false)}>Leave it as it is</Button>
          </div>
        </Dialog>
      )}
    </form>
  );
}

function Field({ id, label, text, written, onChange }: { id: string; label: string; text: string; written: Written; onChange: (text: string) => void }) {
  const wrong = "wrong" in written ? written.wrong : null;
  return (
    <div className={layout.labelled}>
      <label htmlFor={id}>{label}</label>
      <input id={id} className={`${layout.field} ${layout.short}`} inputMode="decimal" value={text} placeholder="no limit" autoComplete="off"
        aria-invalid={wrong !== null} aria-describedby={wrong === null ? undefined : `${id}-wrong`} onChange={(event) => onChange(event.target.value)} />
      {wrong && <span id={`${id}-wrong`} role="status" className={layout.wrong}>{wrong}</span>}
    </div>
  );
}

/** What was refused: of a raise that does not fit into the budget above, how much does, and the way to that one. */
function Refused({ problem, own }: { problem: Problem; own: string }) {
  const [told] = problem.errors;
  const above = typeof told?.session_id === "string" ? told.session_id : null;
  return (
    <div role="alert" className={layout.wrong}>
      <p><Named text={problem.detail} own={own} /></p>
      {problem.code === "budget_insufficient" && above
        ? <p>For more, <Link to={budgetAddress(above)}>raise that one first</Link>.</p>
        : problem.hint && <p><Named text={problem.hint} own={own} /></p>}
    </div>
  );
}

function amountOf(written: Written): number | null {
  return "amount" in written ? written.amount : null;
}

function limitOf(budget: Budget | null, unit: Unit): number | null {
  return budget === null ? null : unit === "tokens" ? budget.budget_tokens : budget.budget_microdollars;
}

function spentOf(budget: Budget | null, unit: Unit): number {
  return budget === null ? 0 : unit === "tokens" ? budget.spent_tokens : budget.spent_microdollars;
}
