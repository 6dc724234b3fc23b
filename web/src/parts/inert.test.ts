// S8, H3: what agents write shows what it is.
import { expect, test } from "vitest";
import { placesOf } from "./filterable";
import { lookOf } from "./states";
import { cutOf, withShortIds } from "./format";
import { asText, callOf, exact, inert } from "./inert";

test.each([
  ["\u001b[31mred\u001b[0m \u001b]8;;http://evil.test\u0007link\u001b]8;;\u0007", "red link"],
  ["\u001b]0;title\u001b\\x\u001bP1$q\u001b\\y\u001bc", "xy"],
  ["exe.\u202Egnp", "exe.‹U+202E›gnp"],
  ["a\u2066b\u2069c\u200fd", "a‹U+2066›b‹U+2069›c‹U+200F›d"],
  ["null\u0000 bell\u0007 del\u007f c1\u0085", "null‹U+0000› bell‹U+0007› del‹U+007F› c1‹U+0085›"],
  ["zero\u200bwidth\ufeff soft\u00adhyphen", "zero‹U+200B›width‹U+FEFF› soft‹U+00AD›hyphen"],
  ["tag\u{e0041}", "tag‹U+E0041›"],
  ["lone \ud800 and \udc00", "lone ‹U+D800› and ‹U+DC00›"],
  ["one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"],
  ["family 👨‍👩‍👧 and مرحبا", "family 👨‍👩‍👧 and مرحبا"],
  ["<script>alert(1)</script>", "<script>alert(1)</script>"],
])("%j", (given, shown) => {
  expect(inert(given)).toBe(shown);
});

test("any value is text", () => {
  expect([asText(null), asText(undefined), asText("x\u0000"), asText({ a: "\u202e" })]).toEqual(["", "", "x‹U+0000›", '{\n  "a": "‹U+202E›"\n}']);
});

test("a sentence names runs by their ends, and paused work is not finished", () => {
  expect(withShortIds("It waits for run_01k3xq7m5v8p2r4t6w9y0z1abc of it.")).toBe("It waits for run …0z1abc of it.");
  expect([lookOf({ status: "finished", lifecycle: "paused" }).word, lookOf({ status: "stopping", lifecycle: "paused" }).word]).toEqual(["Paused", "Stopping"]);
});

test("what is decided on is shown whole: nothing that a shell would read is taken out", () => {
  expect(exact("ls \u001b]0;$(rm -rf ~)\u0007\u001b[8mx\r\n\u202e")).toBe("ls ‹U+001B›]0;$(rm -rf ~)‹U+0007›‹U+001B›[8mx‹U+000D›\n‹U+202E›");
});

test.each([
  ["alone", { command: "psql -f 4.sql" }, { command: "psql -f 4.sql", said: null, rest: null }],
  ["described", { description: "Add an index", command: "psql \\\n  -f \"4.sql\"" }, { command: "psql \\\n  -f \"4.sql\"", said: "Add an index", rest: null }],
  ["with more", { command: "make", description: "Build", timeout: 5 }, { command: "make", said: "Build", rest: { timeout: 5 } }],
  ["with a description that is none", { command: "make", description: { a: 1 } }, { command: "make", said: null, rest: { description: { a: 1 } } }],
  ["another call", { path: "a", command: ["x"] }, null],
  ["no object", "make", null],
])("a command is told from what is said of it: %s", (_, input, told) => {
  expect(callOf(input)).toEqual(told);
});

test("a text that was cut says how much of how much is there", () => {
  expect([cutOf(`${"a".repeat(10)}…[cut 1999990 characters]`), cutOf("…[cut many characters]"), cutOf("[cut 3 characters] whole")]).toEqual([
    { kept: 10, whole: 2_000_000 }, null, null,
  ]);
});

test("two runners of one host are told apart, by name or by their ids' ends", () => {
  const places = placesOf([
    { runner_id: "rnr_a", name: "box1", hostname: "vm" }, { runner_id: "rnr_b", name: "vm", hostname: "vm" }, { runner_id: "rnr_c", name: "gpu", hostname: "far" },
    { runner_id: "rnr_000001", name: "", hostname: "near" }, { runner_id: "rnr_000002", name: "near", hostname: "near" },
  ]);
  expect([...places.values()]).toEqual(["box1 (vm)", "vm", "gpu (far)", "near …000001", "near …000002"]);
});
