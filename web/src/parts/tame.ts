// Whether a text can be drawn as Markdown without holding up the page: parsers take quadratic time, or more, for what
// nobody writes, and an agent may write anything. Pure, and linear in the text.

/** Longer texts are shown as they are: nobody reads them as a page. */
const LONGEST = 60_000;
/** How deep quotes and lists may lie inside each other on one line. */
const DEEPEST = 8;
const WIDEST_INDENT = 60;
/** Of one block between empty lines: its length, the signs that may open something, the bars of a table. */
const LONGEST_BLOCK = 20_000;
const MOST_SIGNS = 600;
const MOST_BARS = 2_000;
/** Of the whole text, without its fenced code: each line may be a part of its own. */
const MOST_LINES = 800;
const MOST_SIGNS_IN_ALL = 4_000;

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const DEEP = new RegExp(`^(?:[ \\t]*(?:>|[-*+](?=[ \\t]|$)|\\d{1,9}[.)](?=[ \\t]|$))){${DEEPEST + 1},}`);
const INDENT = new RegExp(`^[ \\t]{${WIDEST_INDENT + 1},}\\S`);
const SIGNS = /[[\]*_`<&~!\\]|www\.|:\/\/|@/g;
const BARS = /\|/g;
const HTML = /^ {0,3}</m;

export function isTame(text: string): boolean {
  if (text.length > LONGEST) return false;
  const html = HTML.test(text);
  let fence = "";
  let block = { length: 0, signs: 0, bars: 0 };
  let all = 0;
  let lines = 0;
  for (const line of text.split("\n")) {
    if (fence) {
      if (closes(line, fence)) fence = "";
      continue;
    }
    // Inside markup of the author a fence may be none.
    fence = html ? "" : FENCE.exec(line)?.[1] ?? "";
    if (fence || line.trim() === "") {
      block = { length: 0, signs: 0, bars: 0 };
      continue;
    }
    const signs = line.match(SIGNS)?.length ?? 0;
    block = { length: block.length + line.length, signs: block.signs + signs, bars: block.bars + (line.match(BARS)?.length ?? 0) };
    all += signs;
    lines += 1;
    if (DEEP.test(line) || INDENT.test(line) || block.length > LONGEST_BLOCK || block.signs > MOST_SIGNS || block.bars > MOST_BARS || all > MOST_SIGNS_IN_ALL || lines > MOST_LINES) return false;
  }
  return true;
}

function closes(line: string, fence: string): boolean {
  const found = FENCE.exec(line)?.[1] ?? "";
  return found.startsWith(fence) && line.trim() === found;
}
