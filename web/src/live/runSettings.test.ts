// What differs between two runs of a session.
import { expect, it } from "vitest";
import type { Run } from "../api/schema";
import { compared, settingsOf } from "./runSettings";

const run = { agent_name: "reviewer", agent: { name: "reviewer", scope: "api", etag: "0123456789abcdef" }, executor_type: "scripted", model: "opus", permission_mode: "ask", project_dir: "/srv",
  demands: { executor_type: "scripted", tags: ["gpu"] }, limits: { timeout_seconds: 90 }, on_lost: "wait", repeatable: false, priority: 0, trigger: "user", execution_mode: "async_callback",
  runner_id: null, parameters: null } as unknown as Run;

it("names what was asked for, and says what was left open", () => {
  const said = Object.fromEntries(settingsOf(run).map((one) => [one.name, one.value]));
  expect(said).toMatchObject({ Timeout: "at most 90 s", Permissions: "asks before it changes", "Demanded host": "any", "Demanded tags": "gpu", Callback: "its end resumes the session that started it" });
});

it("marks what is not as it was in the other run, also what is set no more", () => {
  const changed = compared({ ...run, model: null, limits: {}, parameters: { a: 1 } }, run).filter((one) => one.before !== null);
  expect(changed.map((one) => [one.name, one.before, one.value])).toEqual([
    ["Model", "opus", "left to the executor"], ["Parameters", "not set", '{\n  "a": 1\n}'], ["Timeout", "at most 90 s", "not set"],
  ]);
  const goesOn = { ...run, type: "resume_session", demands: { ...run.demands, hostname: "build-7" } };
  expect(compared(goesOn, run).every((one) => one.before === null)).toBe(true);
  expect(compared({ ...goesOn, type: "start_session" }, run).find((one) => one.before !== null)).toEqual({ name: "Demanded host", value: "build-7", before: "any" });
  expect(compared(run, run).every((one) => one.before === null)).toBe(true);
});
