// How a budget stands, with marks at half and at four fifths.
import type { Budget } from "../../api/schema";
import { count } from "../../parts/format";
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
      <span className={css.figures}>{words(spent)} of {words(limit)} ({Math.round(part * 100)} %){reserved > 0 && `, ${words(reserved)} reserved by children`}{part >= 1 ? " – used up, nothing starts" : part >= 0.8 ? " – nearly used up" : ""}</span>
    </div>
  );
}
