// D11: one box with tokens; what it cannot read it says.
import { expect, test } from "vitest";
import { fitsFilter, readFilter, wordsOf, type Filterable } from "./filter";

const entry: Filterable = {
  states: ["needs_you", "running", "approval"], project: "web-shop", runners: ["gpu-2", "rnr_1"], agent: "reviewer", executor: "claude-code",
  cost_microdollars: 1_200_000, issues: [123], texts: ["Fix the login test", "runs at 12:30"],
};
const fits = (text: string) => fitsFilter(entry, readFilter(text));

test.each([
  "", "login", "login fix", "#123", '"the login"', "state:needs-you", "state:blocked", "state:need", "state:approval", "project:shop", "runner:gpu-2",
  "agent:reviewer", "executor:claude", "cost:>1", "cost:<=1.2", "cost:$1.20", "-state:done", '-"the logout"', "12:30", "state:blocked cost:>1 #123 login",
])("%s finds it", (text) => expect(fits(text)).toBe(true));

test.each(["logout", "#12", "#1234", '"login the"', "state:done", "project:other", "runner:mac", "cost:>1.2", "cost:<1", "-state:blocked", "model:opus", "state:blocked #9"])(
  "%s does not", (text) => expect(fits(text)).toBe(false));

test("an unknown price fits no amount", () => {
  expect(["cost:>0", "cost:<5"].some((text) => fitsFilter({ ...entry, cost_microdollars: null }, readFilter(text)))).toBe(false);
});

test("what it cannot read it says, and filters by the rest", () => {
  expect(readFilter("colour:red login").faults).toHaveLength(1);
  expect(readFilter("cost:much login")).toMatchObject({ tokens: [{ value: "login" }], faults: [expect.stringContaining("dollars")] });
  expect(readFilter('state:done "open end').faults).toEqual([]);
  expect(readFilter("cost: login").tokens).toEqual([{ key: "", value: "login", without: false }]);
});

test("the coordinator is asked for all its words, and for nothing that only a page knows", () => {
  expect(wordsOf(readFilter('Many 0777 "two words" agent:reviewer -"not this" #12 state:done -state:failed'))).toEqual(["many", "0777", "two words", "reviewer"]);
});
