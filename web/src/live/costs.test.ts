// Whose figures are read again when a session spends.
import { expect, test } from "vitest";
import type { Row } from "./board";
import { poolToRaise, poolsOf, spendsBeside } from "./costs";
import { recording } from "./recording.test-data";

const budget = (session_id: string, above: string | null) => ({
  session_id, above_session_id: above, budget_microdollars: 10, spent_microdollars: 0, reserved_microdollars: 0, left_microdollars: 10,
  budget_tokens: null, spent_tokens: 0, reserved_tokens: 0, left_tokens: null,
});
const row = (session_id: string, parent: string | null, own: Row["budget"]): Row =>
  ({ ...recording.rows[0]!, session_id, parent_session_id: parent, budget: own, headline: null, since: "", live: true });
const rows = {
  root: row("root", null, budget("root", null)),
  child: row("child", "root", budget("child", "root")),
  below: row("below", "child", budget("child", "root")),
  free: row("free", null, null),
};

test("what is spent counts in every pool around it", () => {
  expect(poolsOf(rows, "below")).toEqual(["child", "root"]);
  expect([poolsOf(rows, "free"), poolsOf(rows, "unknown")]).toEqual([[], []]);
  expect([spendsBeside(rows, "below", "root"), spendsBeside(rows, "free", "root"), spendsBeside(rows, "child", "root")]).toEqual([true, false, true]);
});

test("what is raised is the budget that the reason names", () => {
  const above = `ses_${"a".repeat(26)}`;
  expect(poolToRaise(budget("child", "root"), `The budget of ${above} is used up: $1.00 of $1.00 is spent.`)).toBe(above);
  expect([poolToRaise(budget("child", "root"), "The budget is in dollars, and so on."), poolToRaise(budget("child", null))]).toEqual(["child", "child"]);
});
