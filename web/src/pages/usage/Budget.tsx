// How a budget stands, with marks at half and at four fifths, and a form that raises or lowers it.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Budget } from "../../api/schema";
import { useAction } from "../../parts/actions";
import { count } from "../../parts/format";
import layout from "../../parts/layout.module.css";
import { Button } from "../../parts/Parts";
import css from "./usage.module.css";

const dollars = (microdollars: number) => `$${(microdollars / 1_000_000).toFixed(2)}`;

export function BudgetBar({ budget }: { budget: Budget }) {
  return (
    <>
      {budget.budget_microdollars !== null && <Bar limit={budget.budget_microdollars} spent={budget.spent_microdollars} reserved={budget.reserved_microdollars} words={dollars} />}
      {budget.budget_tokens !== null && <Bar limit={budget.budget_tokens} spent={budget.spent_tokens} reserved={budget.reserved_tokens} words={(number) => `${count(number)} tokens`} />}
    </>
  );
}

function Bar({ limit, spent, reserved, words }: { limit: number; spent: number; reserved: number; words: (number: number) => string }) {
  const part = limit > 0 ? spent / limit : 1;
  const held = limit > 0 ? Math.min(1 - Math.min(1, part), reserved / limit) : 0;
  const level = part >= 1 ? "over" : part >= 0.8 ? "near" : part >= 0.5 ? "half" : "low";
  return (
    <div className={css.budget}>
      <div className={css.bar} data-level={level} aria-hidden="true">
        <div style={{ inlineSize: `${Math.min(1, part) * 100}%` }} /><div className={css.held} style={{ inlineSize: `${held * 100}%` }} />
        <i style={{ insetInlineStart: "50%" }} /><i style={{ insetInlineStart: "80%" }} /><i style={{ insetInlineStart: "calc(100% - 1px)" }} />
      </div>
      <div className={css.marks} aria-hidden="true"><span style={{ insetInlineStart: "50%" }}>50 %</span><span style={{ insetInlineStart: "80%" }}>80 %</span><span>100 %</span></div>
      <span className={layout.number}>{words(spent)} of {words(limit)} ({Math.round(part * 100)} %){reserved > 0 && `, ${words(reserved)} reserved by children`}{part >= 1 ? " – used up, nothing starts" : part >= 0.8 ? " – nearly used up" : ""}</span>
    </div>
  );
}

/** Sets what a session and all below it may spend in dollars. */
export function BudgetForm({ sessionId, budget }: { sessionId: string; budget: Budget | null }) {
  const own = budget?.session_id === sessionId ? budget.budget_microdollars : null;
  const [text, setText] = useState(own === null ? "" : (own / 1_000_000).toFixed(2));
  const queries = useQueryClient();
  const amount = Number(text);
  const fits = text.trim() !== "" && Number.isFinite(amount) && amount >= 0;
  const [save, saving] = useAction(async () => {
    const changed = await call("POST /sessions/{session_id}/budget", { path: { session_id: sessionId }, body: { budget_microdollars: Math.round(amount * 1_000_000) } });
    await queries.invalidateQueries({ queryKey: ["usage"] });
    return changed.resumed.length > 0 ? "The budget is changed; what it had stopped goes on." : "The budget is changed.";
  });
  return (
    <form className={layout.line} onSubmit={(event) => { event.preventDefault(); if (fits) void save(); }}>
      <label htmlFor="budget">Budget in dollars</label>
      <input id="budget" className={layout.field} inputMode="decimal" size={8} value={text} placeholder="none" aria-invalid={text !== "" && !fits} onChange={(event) => setText(event.target.value)} />
      <Button type="submit" disabled={!fits || saving}>{own === null ? "Set" : "Change"}</Button>
    </form>
  );
}
