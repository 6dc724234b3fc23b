// A form out of a JSON schema: which fields it has, and the parameters that texts typed into them make. What a form cannot
// show is JSON in a box; what does not fit is left to the coordinator, which checks all of it again. Pure.

export type Kind = "text" | "long" | "number" | "integer" | "choice" | "yes_no" | "lines" | "json";

export interface Field {
  name: string;
  kind: Kind;
  title: string;
  description: string;
  required: boolean;
  choices: readonly string[];
  initial: string;
}

type Schema = Record<string, unknown>;
export const WHOLE = "";

/** The fields of an object's schema; one named WHOLE, for JSON, when it says too little to make any. */
export function fieldsOf(schema: Schema): Field[] {
  const properties = schema.properties;
  if (typeof properties !== "object" || properties === null || Object.keys(properties).length === 0) {
    return [{ name: WHOLE, kind: "json", title: "Parameters", description: "An object, as JSON.", required: true, choices: [], initial: "{}" }];
  }
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties as Record<string, Schema | boolean>).map(([name, given]) => {
    const part: Schema = typeof given === "object" && given !== null ? given : {};
    const kind = kindOf(part);
    return {
      name, kind, required: required.includes(name), initial: initialOf(part, kind),
      title: typeof part.title === "string" ? part.title : name,
      description: typeof part.description === "string" ? part.description : "",
      choices: kind === "choice" ? (part.enum as unknown[]).map(String) : [],
    };
  });
}

const LONG = 200;

function kindOf(part: Schema): Kind {
  if (Array.isArray(part.enum) && part.enum.every((one) => typeof one === "string")) return "choice";
  const items = part.items as Schema | undefined;
  switch (part.type) {
    case "string": return Number(part.maxLength ?? 0) > LONG || part.format === "textarea" ? "long" : "text";
    case "number": return "number";
    case "integer": return "integer";
    case "boolean": return "yes_no";
    case "array": return items?.type === "string" && !items.enum ? "lines" : "json";
    default: return "json";
  }
}

function initialOf(part: Schema, kind: Kind): string {
  const given = part.default;
  if (given === undefined) return "";
  if (kind === "json") return JSON.stringify(given, null, 2);
  if (kind === "lines") return Array.isArray(given) ? given.join("\n") : "";
  if (kind === "yes_no") return given === true ? "yes" : given === false ? "no" : "";
  return String(given);
}

/** The parameters that the texts say, and by field what of them is wrong. What is optional and empty is left out. */
export function parametersOf(fields: readonly Field[], texts: Readonly<Record<string, string>>): {
  parameters: Record<string, unknown>; wrong: Record<string, string>;
} {
  const parameters: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? field.initial;
    if (text.trim() === "") {
      if (field.required) wrong[field.name] = "It is needed.";
      continue;
    }
    const [value, problem] = valueOf(field.kind, text);
    if (problem) wrong[field.name] = problem;
    else if (field.name !== WHOLE) parameters[field.name] = value;
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) Object.assign(parameters, value);
    else wrong[field.name] = "It is no object.";
  }
  return { parameters, wrong };
}

function valueOf(kind: Kind, text: string): [unknown, string?] {
  switch (kind) {
    case "number":
    case "integer": {
      const number = Number(text);
      if (!Number.isFinite(number)) return [null, "It is no number."];
      return kind === "integer" && !Number.isInteger(number) ? [null, "It is no whole number."] : [number];
    }
    case "yes_no": return [text === "yes"];
    case "lines": return [text.split("\n").map((line) => line.trim()).filter(Boolean)];
    case "json": return parsed(text);
    default: return [text];
  }
}

export function parsed(text: string): [unknown, string?] {
  try {
    return [JSON.parse(text) as unknown];
  } catch (error) {
    return [null, `It is no JSON: ${error instanceof Error ? error.message : ""}`];
  }
}
