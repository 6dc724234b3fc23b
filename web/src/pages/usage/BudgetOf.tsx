// The budget that a session draws from, whose it is, and the way to where that is raised.
import type { Session } from "../../api/schema";
import { poolToRaise } from "../../live/costs";
import { Link } from "../../navigation";
import { Named, withNames } from "../../parts/Named";
import layout from "../../parts/layout.module.css";
import { BudgetBar } from "./Budget";
import { budgetAddress } from "./address";

export function BudgetOf({ session }: { session: Session }) {
  const { budget, session_id } = session;
  if (budget === null || (budget.budget_microdollars === null && budget.budget_tokens === null)) return null;
  return (
    <div className={layout.labelled}>
      <span className={layout.hint}>{budget.session_id === session_id ? "Its budget, of which all below it draws" : <>It draws from the budget of <Named text={budget.session_id} /></>}</span>
      <BudgetBar budget={budget} />
      <RaiseLink session={session} />
    </div>
  );
}

/** Leads to where the budget is raised that a session waits for, or draws from. */
export function RaiseLink({ session, reason = null, className }: { session: Pick<Session, "budget" | "session_id">; reason?: string | null; className?: string }) {
  if (session.budget === null) return null;
  const pool = poolToRaise(session.budget, reason);
  return <Link to={budgetAddress(pool)} className={className}>{pool === session.session_id ? "Raise the budget …" : `Raise the budget of ${withNames(pool)} …`}</Link>;
}
