// D7: every line of a diff is what git says it is.
import { expect, test } from "vitest";
import { linesOf } from "./diff";

const DIFF = `diff --git a/src/a b.py b/src/a b.py
index 111..222 100644
--- a/src/a b.py
+++ b/src/a b.py
@@ -3,3 +3,4 @@ def f():
 same
--- looks like a head
+++ so does this
+@@ -1 +1 @@
 end
\\ No newline at end of file
diff --git a/old.py b/new.py
similarity index 100%
rename from old.py
rename to new.py
diff --git a/logo.png b/logo.png
Binary files a/logo.png and b/logo.png differ
`;

test("a diff is read line by line", () => {
  expect(linesOf(DIFF).map((line) => [line.kind, line.text, line.before, line.after])).toEqual([
    ["file", "src/a b.py", null, null],
    ["hunk", "@@ -3,3 +3,4 @@ def f():", null, null],
    ["same", "same", 3, 3],
    ["removed", "-- looks like a head", 4, null],
    ["added", "++ so does this", null, 4],
    ["added", "@@ -1 +1 @@", null, 5],
    ["same", "end", 5, 6],
    ["note", "\\ No newline at end of file", null, null],
    ["file", "a/old.py b/new.py", null, null],
    ["note", "similarity index 100%", null, null],
    ["note", "rename from old.py", null, null],
    ["note", "rename to new.py", null, null],
    ["file", "logo.png", null, null],
    ["note", "Binary files a/logo.png and b/logo.png differ", null, null],
  ]);
  expect(linesOf("")).toEqual([]);
});
