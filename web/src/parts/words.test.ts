// What refusals say to a person at a page.
import { expect, test } from "vitest";
import { hintForPages, piecesOf } from "./words";

test("an id in a sentence is the end of it, and leads to its page where it has one", () => {
  const session = "ses_01m80sskaney3as82ybs760rv4";
  expect(piecesOf(`Issue 1 is in the active session ${session}, by tok_01m80sskaney3as82ybs760rv5.`)).toEqual([
    { text: "Issue 1 is in the active session " },
    { text: "…760rv4", to: `/sessions/${session}`, sessionId: session },
    { text: ", by " }, { text: "…760rv5" }, { text: "." },
  ]);
  expect(piecesOf("Plain.")).toEqual([{ text: "Plain." }]);
});

test.each([
  ["First: callboard task run 6", ""],
  ["`callboard milestone list` lists them.", ""],
  ["callboard agent list shows them all.", ""],
  ["Look whether the host is up and its runner runs: callboard runner list", "Look whether the host is up and its runner runs."],
  ["Ask for less, or let a person raise it: callboard budget ses_1 --budget DOLLARS", "Ask for less, or let a person raise it."],
  ["Wait until it has ended. Else: callboard stop 42", "Wait until it has ended."],
  ["Read it again: GET /agents/x", "Read it again."],
  ["Edit the file, then: callboard agent sync", "Edit the file, then: callboard agent sync"],
  ["On the machine of its repository: callboard project add PATH", "On the machine of its repository: callboard project add PATH"],
  ["Take another name.", "Take another name."],
])("a command helps where no page does the same: %s", (hint, told) => {
  expect(hintForPages(hint)).toBe(told);
});
