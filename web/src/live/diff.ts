// A unified diff as lines that can be shown one by one. Pure.

export interface DiffLine {
  kind: "file" | "hunk" | "added" | "removed" | "same" | "note";
  text: string;
  before: number | null;
  after: number | null;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$/;

/** The lines of a diff as git writes it; inside a hunk a line is what its first character says, whatever follows. */
export function linesOf(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let before = 0;
  let after = 0;
  let left = [0, 0];
  const rows = diff.split("\n");
  if (rows.at(-1) === "") rows.pop();
  for (const row of rows) {
    const inside = (left[0] ?? 0) > 0 || (left[1] ?? 0) > 0;
    const mark = row[0] ?? " ";
    const hunk = inside ? null : HUNK.exec(row);
    if (hunk) {
      before = Number(hunk[1]);
      after = Number(hunk[3]);
      left = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
      lines.push({ kind: "hunk", text: row, before: null, after: null });
    } else if (inside && mark === "+") {
      lines.push({ kind: "added", text: row.slice(1), before: null, after: after++ });
      left = [left[0] ?? 0, (left[1] ?? 0) - 1];
    } else if (inside && mark === "-") {
      lines.push({ kind: "removed", text: row.slice(1), before: before++, after: null });
      left = [(left[0] ?? 0) - 1, left[1] ?? 0];
    } else if (inside && (mark === " " || row === "")) {
      lines.push({ kind: "same", text: row.slice(1), before: before++, after: after++ });
      left = [(left[0] ?? 0) - 1, (left[1] ?? 0) - 1];
    } else if (row.startsWith("diff --git ")) {
      lines.push({ kind: "file", text: nameIn(row), before: null, after: null });
    } else if (!/^(index |--- |\+\+\+ )/.test(row)) {
      lines.push({ kind: "note", text: row, before: null, after: null });
    }
  }
  return lines;
}

/** `diff --git a/x b/x` names a file twice; a renamed one is told by the lines that follow. */
function nameIn(row: string): string {
  const both = row.slice("diff --git ".length);
  const half = both.slice(0, (both.length - 1) / 2);
  return both === `${half} b/${half.slice(2)}` ? half.slice(2) : both;
}
