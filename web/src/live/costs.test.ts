// Whose figures are read again when a session spends.
import { expect, test } from "vitest";
import type { Row } from "./board";
import { poolToRaise, poolsOf, spendsBeside } from "./costs";
import { recording } from "./recording.test-data";

const budget = (session_id: string, above: string | null, spent = 0, left = 5) => ({
  session_id, above_session_id: above, budget_microdollars: 10, spent_microdollars: spent, reserved_microdollars: 0, left_microdollars: left,
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

test("what is raised is what is used up, or what holds it too short", () => {
  expect([poolToRaise(budget("child", "root", 10, 0)), poolToRaise(budget("child", "root", 4, 0)), poolToRaise(budget("root", null, 4, 0))]).toEqual(["child", "root", "root"]);
});
