// What forms of agents make of what is typed: parameters out of a schema, and changes out of a draft.
import { describe, expect, it } from "vitest";
import type { Agent } from "../../api/schema";
import { changeOf, differences, draftOf, NEW_SERVER, wrongAt } from "./draft";
import { parametersOf, partsOf, type Field, type Part } from "./schema";

const SCHEMA = {
  type: "object", required: ["change", "paths"],
  $defs: { level: { enum: ["low", "high"] } },
  properties: {
    change: { type: "string" }, depth: { enum: ["quick", "thorough"], default: "quick" }, most: { type: "integer", default: 10 },
    security: { type: "boolean" }, paths: { type: "array", items: { type: "string" } }, options: { type: "object" },
    port: { enum: [80, 8080, null] }, level: { anyOf: [{ $ref: "#/$defs/level" }, { type: "null" }] },
    kinds: { type: "array", items: { enum: ["bug", "style"] }, default: ["bug"] }, weights: { type: "array", items: { type: "number" } },
    target: { type: "object", required: ["host"], properties: { host: { type: "string" }, "a/b": { type: ["integer", "null"], default: 22 } } },
    tree: { type: "object", properties: { again: { $ref: "#/properties/tree" } } },
  },
};
const flat = (parts: readonly Part[]): Field[] => parts.flatMap((part) => (part.kind === "object" ? flat(part.parts) : [part]));

describe("a form of a schema", () => {
  it("has a field for each property, of its kind and with its default", () => {
    const kinds = Object.fromEntries(flat(partsOf(SCHEMA)).map((field) => [field.pointer, `${field.kind} ${field.required} ${field.initial}`]));
    expect(kinds).toMatchObject({
      "/change": "text true ", "/depth": 'choice false "quick"', "/most": "integer false 10", "/security": "yes_no false ", "/paths": "lines true ",
      "/options": "json false ", "/port": "choice false ", "/level": "choice false ", "/kinds": 'many false ["bug"]', "/weights": "numbers false ",
      "/target/host": "text true ", "/target/a~1b": "integer false 22",
    });
    expect(flat(partsOf(SCHEMA)).find((field) => field.pointer === "/port")?.choices).toEqual([["80", "80"], ["8080", "8080"], ["null", "null"]]);
    expect(flat(partsOf({ type: "object" })).map((field) => field.kind)).toEqual(["json"]);
  });

  it("makes the parameters, leaves out what is empty, and says what is wrong where", () => {
    const parts = partsOf(SCHEMA);
    expect(parametersOf(parts, { "/change": "main", "/paths": "a\n b \n", "/security": "no", "/port": "8080", "/weights": "1\n2.5", "/target/host": "x" })).toEqual({
      parameters: { change: "main", depth: "quick", most: 10, security: false, paths: ["a", "b"], port: 8080, kinds: ["bug"], weights: [1, 2.5], target: { host: "x", "a/b": 22 } },
      wrong: {},
    });
    const { wrong } = parametersOf(parts, { "/paths": "a", "/most": "1.5", "/options": "{", "/target/a~1b": "9007199254740993", "/weights": "one" });
    expect(wrong).toMatchObject({ "/change": "It is needed.", "/most": "It is no whole number.", "/target/host": "It is needed.", "/weights": "It is no number." });
    expect(wrong["/options"]).toContain("no JSON");
    expect(wrong["/target/a~1b"]).toContain("so large");
  });

  it("takes whatever object is written where a schema says too little", () => {
    const parts = partsOf({ type: "object" });
    expect([parametersOf(parts, {}), parametersOf(parts, { "": '{"a":1}' })]).toEqual([{ parameters: {}, wrong: {} }, { parameters: { a: 1 }, wrong: {} }]);
    expect([parametersOf(parts, { "": "[1]" }).wrong[""], parametersOf(parts, { "": "{" }).wrong[""]]).toEqual(["It is no object.", expect.stringContaining("no JSON")]);
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
