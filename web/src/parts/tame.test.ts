// S8: what an agent writes does not hold up the page that shows it.
import { expect, test } from "vitest";
import { isTame } from "./tame";

const N = 30_000;

test.each([
  ["quotes in quotes", "> ".repeat(N)], ["lists in lists", "1. ".repeat(N / 2)], ["both", "> - ".repeat(20)], ["stairs", `${" ".repeat(80)}- a`],
  ["brackets", "[".repeat(N)], ["stars", "*a ".repeat(N / 3)], ["both in turn", "*_".repeat(N / 2)], ["ticks", "`a ".repeat(N / 3)],
  ["bars", "|a".repeat(N / 2)], ["underlined lines", "a\n=\n".repeat(N / 4)], ["items", "- a\n".repeat(N / 4)], ["addresses", "a@b.".repeat(N / 4)],
  ["what stands in no fence", `<!--\n\`\`\`\n-->\n${"[".repeat(N)}`], ["a page too long", "word ".repeat(N)],
])("%s are shown as they are", (_, text) => expect(isTame(text)).toBe(false));

test.each([
  ["an answer", "# It was **late**\n\nSee `a.py`:\n\n- [one](https://a.test)\n  - two\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".repeat(20)],
  ["code", `Here:\n\n\`\`\`ts\n${"const a = [b, [c, `d`]] * e_f | g;\n".repeat(1000)}\`\`\`\n`],
  ["a long paragraph", "word ".repeat(3000)],
])("%s is drawn", (_, text) => expect(isTame(text)).toBe(true));
