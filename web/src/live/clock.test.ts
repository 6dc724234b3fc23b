// D14: a browser's clock that is hours off changes no age.
import { expect, test, vi } from "vitest";
import { hearServerTime, serverNow } from "./clock";

test.each([-5, 0, 7])("ages follow the coordinator when the browser is %i hours off", (hours) => {
  const server = Date.parse("2026-06-01T12:00:00.000Z");
  vi.useFakeTimers({ now: server + hours * 3_600_000 });
  hearServerTime("2026-06-01T12:00:00.000Z", true);
  expect(serverNow()).toBe(server);
  vi.advanceTimersByTime(90_000);
  expect(serverNow()).toBe(server + 90_000);
  hearServerTime("Mon, 01 Jun 2026 12:01:30 GMT");
  expect(serverNow()).toBe(server + 90_000);
  hearServerTime("Mon, 01 Jun 2026 14:00:00 GMT");
  expect(Math.abs(serverNow() - server - 7_200_000)).toBeLessThan(1000);
  hearServerTime(null);
  hearServerTime("never");
  vi.useRealTimers();
});
