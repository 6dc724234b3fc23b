// D13: the palette finds what is meant by a few letters.
import { expect, test } from "vitest";
import { ranked } from "./ranking";

const ENTRIES = ["Runs", "Trees", "Prune the tree", "Fix login"].map((name) => ({ name, detail: name === "Fix login" ? "ses_7f3k reviewer" : "" }));
const names = (text: string) => ranked(ENTRIES, text, 10).map((one) => one.name);

test("what begins with it stands before what holds it, and every word counts", () => {
  expect(names("tree")).toEqual(["Trees", "Prune the tree"]);
  expect(names("run")).toEqual(["Runs", "Prune the tree"]);
  expect(names("7F3K fix")).toEqual(["Fix login"]);
  expect(names("nothing")).toEqual([]);
  expect(names("")).toHaveLength(4);
  expect(ranked(ENTRIES, "", 2)).toHaveLength(2);
});
