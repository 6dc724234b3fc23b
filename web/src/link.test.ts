// S4: a login link leads into our own pages, whatever stands in it.
import { expect, test } from "vitest";
import { readLink } from "./link";

test.each([
  ["#code=c", "/ui/"],
  ["#code=c&next=/ui/sessions/ses_1", "/ui/sessions/ses_1"],
  ["#code=c&next=/chat/?agent=a", "/chat/?agent=a"],
  ["#code=c&next=//evil.test/ui/", "/ui/"],
  ["#code=c&next=/ui//evil.test", "/ui/"],
  ["#code=c&next=https://evil.test/ui/", "/ui/"],
  ["#code=c&next=/ui/\\evil.test", "/ui/"],
  ["#code=c&next=javascript:alert(1)", "/ui/"],
  ["#code=c&next=/sessions", "/ui/"],
])("%s leads to %s", (hash, next) => {
  expect(readLink(hash)).toEqual({ code: "c", next });
});
