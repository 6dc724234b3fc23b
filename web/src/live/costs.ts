// Whose figures change when a session spends: its own, and those of the pools that it draws from, as far as the callboard
// knows them. Pure.
import type { Row } from "./board";

const MOST_POOLS = 32;

/** The pools that a session draws from, outwards; of what is not on the callboard nothing is known. */
export function poolsOf(rows: Readonly<Record<string, Row>>, sessionId: string): string[] {
  const found: string[] = [];
  let next = rows[sessionId]?.budget?.session_id;
  while (next && !found.includes(next) && found.length < MOST_POOLS) {
    found.push(next);
    const pool: Row["budget"] = (next === sessionId ? rows[sessionId] : rows[next])?.budget ?? null;
    next = pool?.session_id === next ? (pool.above_session_id ?? undefined) : undefined;
  }
  return found;
}

/** Whether what the one session spends is told by the page of the other: itself, its child, or out of the same budget. */
export function spendsBeside(rows: Readonly<Record<string, Row>>, spender: string, sessionId: string): boolean {
  if (spender === sessionId || rows[spender]?.parent_session_id === sessionId) return true;
  const around = new Set(poolsOf(rows, spender));
  return poolsOf(rows, sessionId).some((pool) => around.has(pool));
}

const NAMES = /^The budget of (ses_[0-9a-z]{26}) is used up/;

/** The budget that has to be raised so that a session can go on: that which its reason names, else that it draws from. */
export function poolToRaise(budget: NonNullable<Row["budget"]>, reason: string | null = null): string {
  return NAMES.exec(reason ?? "")?.[1] ?? budget.session_id;
}
