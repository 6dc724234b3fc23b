// What is written into the form of a budget is an amount, no limit, or told to be wrong.
import { expect, test } from "vitest";
import { readDollars, readTokens } from "./amounts";

test("dollars", () => {
  expect([readDollars("2.50"), readDollars(" $3 "), readDollars("")]).toEqual([{ amount: 2_500_000 }, { amount: 3_000_000 }, { amount: null }]);
  expect(readDollars("2,50")).toEqual({ wrong: "Dollars are written with a point: 2.50" });
  expect(["0", "-1", "two", "1e99"].map((text) => "wrong" in readDollars(text))).toEqual([true, true, true, true]);
});

test("tokens", () => {
  expect([readTokens("200 000"), readTokens("")]).toEqual([{ amount: 200_000 }, { amount: null }]);
  expect(["0", "1.5", "many"].map((text) => "wrong" in readTokens(text))).toEqual([true, true, true]);
});
