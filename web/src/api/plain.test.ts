// A81: what a validator says is said to people in their words, and what it says well stays.
import { expect, test } from "vitest";
import { plainDetail } from "./plain";

test.each([
  ["/name", "Expected `str` matching regex '^[A-Za-z]$'", "Name: it has characters, or a form, that are not allowed here."],
  ["/name", "Expected `str` matching regex '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'", "Name: only letters, digits, -, _, the first a letter or a digit, at most 64."],
  ["?query/by", "Invalid enum value 'foo'; it is one of agent, day", "By: there is no 'foo'; it is one of agent, day."],
  ["/limits/max_turns", "Expected `int` >= 1", "Limits/max turns: it has to be at least 1."],
  ["/output_schema", "this is no schema", null],
])("%s: %s", (pointer, message, words) => expect(plainDetail([{ pointer, message }])).toBe(words));
