// What forms of agents make of what is typed: parameters out of a schema, and changes out of a draft.
import { describe, expect, it } from "vitest";
import type { Agent } from "../../api/schema";
import { changeOf, differences, draftOf, NEW_SERVER, wrongAt } from "./draft";
import { fieldsOf, parametersOf } from "./schema";

const SCHEMA = {
  type: "object", required: ["change", "paths"],
  properties: {
    change: { type: "string" }, depth: { enum: ["quick", "thorough"], default: "quick" }, most: { type: "integer", default: 10 },
    security: { type: "boolean" }, paths: { type: "array", items: { type: "string" } }, options: { type: "object" },
  },
};

describe("a form of a schema", () => {
  it("has a field for each property, of its kind and with its default", () => {
    const kinds = Object.fromEntries(fieldsOf(SCHEMA).map((field) => [field.name, `${field.kind} ${field.required} ${field.initial}`]));
    expect(kinds).toEqual({ change: "text true ", depth: "choice false quick", most: "integer false 10", security: "yes_no false ", paths: "lines true ", options: "json false " });
    expect(fieldsOf({ type: "object" }).map((field) => field.kind)).toEqual(["json"]);
  });

  it("makes the parameters, leaves out what is empty, and says what is wrong where", () => {
    const fields = fieldsOf(SCHEMA);
    expect(parametersOf(fields, { change: "main", paths: "a\n b \n", security: "no" })).toEqual({
      parameters: { change: "main", depth: "quick", most: 10, security: false, paths: ["a", "b"] }, wrong: {},
    });
    const { wrong } = parametersOf(fields, { paths: "a", most: "1.5", options: "{" });
    expect(wrong).toMatchObject({ change: "It is needed.", most: "It is no whole number." });
    expect(wrong.options).toContain("no JSON");
  });
});

const AGENT = {
  description: "d", executor: null, model: "m", permission_mode: "ask", tools: null, tags: ["a"], demands: { tags: ["gpu"] }, limits: { budget_microdollars: 2_500_000 },
  active: true, system_prompt: "p", parameters_schema: SCHEMA, output_schema: null,
  mcp_servers: { tickets: { type: "http", url: "https://tickets.test/mcp", headers: { "X-Agent-Session-Id": "${AGENT_SESSION_ID}" } } },
} as unknown as Agent;

describe("a draft of an agent", () => {
  it("says the same agent again when nothing was changed", () => {
    const { change, wrong } = changeOf(draftOf(AGENT));
    expect(wrong).toEqual({});
    expect(change).toEqual({ ...AGENT });
  });

  it("finds what cannot be before it is sent", () => {
    const draft = { ...draftOf(AGENT), budget: "much", parametersSchema: "[1]", serverKind: "servers" as const, servers: [{ ...NEW_SERVER, name: "x", url: "ftp://x", headers: "no header" }] };
    const { wrong } = changeOf(draft);
    expect(Object.keys(wrong).sort()).toEqual(["/limits/budget_microdollars", "/mcp_servers/0", "/mcp_servers/0/headers", "/parameters_schema"]);
    expect(wrongAt(wrong, "/limits")).toContain("budget_microdollars");
  });

  it("names the fields in which two states differ", () => {
    expect(differences(AGENT, { ...AGENT, model: "other", limits: {} })).toEqual(["model", "limits"]);
  });
});
