// A form out of a JSON schema: which fields it has, and the parameters that texts typed into them make. What a form cannot
// show is JSON in a box; what does not fit is left to the coordinator, which checks all of it again. Pure.

export type Kind = "text" | "long" | "number" | "integer" | "choice" | "many" | "yes_no" | "lines" | "numbers" | "json";

export interface Field {
  /** Its JSON pointer inside the parameters: by it texts are kept, and refusals told. */
  pointer: string;
  kind: Kind;
  title: string;
  description: string;
  required: boolean;
  /** Values as JSON, and how each is shown. */
  choices: readonly (readonly [string, string])[];
  initial: string;
}
/** An object inside, with fields of its own. */
export interface Inner {
  pointer: string;
  kind: "object";
  title: string;
  description: string;
  required: boolean;
  parts: readonly Part[];
}
export type Part = Field | Inner;

type Schema = Record<string, unknown>;
export const WHOLE = "";
const DEEPEST = 4;
const LONG = 200;
const MOST_CHECKS = 20;

const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown) => (typeof value === "string" ? value : "");
const word = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** The parts of an object's schema; one named WHOLE, for JSON, when it says too little to make any. */
export function partsOf(schema: Schema): readonly Part[] {
  const found = inside(schema, schema, "", 0);
  if (found) return found;
  return [{ pointer: WHOLE, kind: "json", title: "Parameters", description: "An object, as JSON.", required: true, choices: [], initial: "{}" }];
}

function inside(part: Schema, whole: Schema, above: string, depth: number): Part[] | null {
  const { properties } = part;
  if (!isSchema(properties) || Object.keys(properties).length === 0 || depth > DEEPEST) return null;
  const required = Array.isArray(part.required) ? part.required : [];
  return Object.entries(properties).map(([name, given]) => {
    const plain = plainOf(given, whole);
    const pointer = `${above}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const about = { pointer, required: required.includes(name), title: text(plain.title) || name, description: text(plain.description) };
    const parts = typeOf(plain) === "object" || plain.properties ? inside(plain, whole, pointer, depth + 1) : null;
    return parts ? { ...about, kind: "object" as const, parts } : { ...about, ...fieldOf(plain, whole) };
  });
}

/** What a part refers to, and without null as another choice. */
function plainOf(given: unknown, whole: Schema, left = 8): Schema {
  if (!isSchema(given) || left === 0) return {};
  const { $ref, anyOf, ...own } = given;
  if (typeof $ref === "string") return { ...plainOf($ref.startsWith("#/") ? at(whole, $ref) : {}, whole, left - 1), ...own };
  const kinds = Array.isArray(anyOf) ? anyOf.filter((one) => isSchema(one) && one.type !== "null") : [];
  return kinds.length === 1 ? { ...plainOf(kinds[0], whole, left - 1), ...own } : given;
}

function at(whole: Schema, reference: string): unknown {
  const steps = reference.slice(2).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce<unknown>((part, step) => (isSchema(part) && Object.hasOwn(part, step) ? part[step] : undefined), whole);
}

function typeOf(part: Schema): unknown {
  const kinds = Array.isArray(part.type) ? part.type.filter((one) => one !== "null") : [part.type];
  return kinds.length === 1 ? kinds[0] : undefined;
}

function valuesOf(part: Schema): unknown[] | null {
  const values = "const" in part ? [part.const] : part.enum;
  return Array.isArray(values) && values.length > 0 && values.every((one) => one === null || typeof one !== "object") ? values : null;
}

function fieldOf(part: Schema, whole: Schema): Pick<Field, "kind" | "choices" | "initial"> {
  const items = plainOf(part.items, whole);
  const values = valuesOf(part) ?? (typeOf(part) === "array" ? valuesOf(items) : null);
  const kind = kindOf(part, items);
  const choices = kind === "choice" || kind === "many" ? (values ?? []).map((one) => [JSON.stringify(one), word(one)] as const) : [];
  return { kind, choices, initial: initialOf(part.default, kind) };
}

function kindOf(part: Schema, items: Schema): Kind {
  if (valuesOf(part)) return "choice";
  switch (typeOf(part)) {
    case "string": return Number(part.maxLength ?? 0) > LONG || part.format === "textarea" ? "long" : "text";
    case "number": return "number";
    case "integer": return "integer";
    case "boolean": return "yes_no";
    case "array": {
      const values = valuesOf(items);
      if (values) return values.length <= MOST_CHECKS ? "many" : "json";
      return items.type === "string" ? "lines" : items.type === "number" || items.type === "integer" ? "numbers" : "json";
    }
    default: return "json";
  }
}

function initialOf(given: unknown, kind: Kind): string {
  if (given === undefined) return "";
  switch (kind) {
    case "json": return JSON.stringify(given, null, 2);
    case "choice": return JSON.stringify(given);
    case "many": return Array.isArray(given) ? JSON.stringify(given) : "";
    case "lines":
    case "numbers": return Array.isArray(given) ? given.map(word).join("\n") : "";
    case "yes_no": return given === true ? "yes" : given === false ? "no" : "";
    default: return word(given);
  }
}

type Texts = Readonly<Record<string, string>>;

/**
 * The parameters that the texts say, and by pointer what of them is wrong. What is optional and empty is left out; so is
 * an optional object into which nothing was typed.
 */
export function parametersOf(parts: readonly Part[], texts: Texts): { parameters: Record<string, unknown>; wrong: Record<string, string> } {
  const wrong: Record<string, string> = {};
  const parameters = objectOf(parts, texts, wrong);
  if (parts[0]?.pointer !== WHOLE || Object.keys(wrong).length > 0) return { parameters, wrong };
  const whole = parameters[WHOLE];
  return isSchema(whole) ? { parameters: whole, wrong } : { parameters: {}, wrong: { [WHOLE]: "It is no object." } };
}

function objectOf(parts: readonly Part[], texts: Texts, wrong: Record<string, string>): Record<string, unknown> {
  const found: [string, unknown][] = [];
  for (const part of parts) {
    const name = part.pointer.slice(part.pointer.lastIndexOf("/") + 1).replaceAll("~1", "/").replaceAll("~0", "~");
    if (part.kind === "object") {
      if (part.required || isTouched(part, texts)) found.push([name, objectOf(part.parts, texts, wrong)]);
      continue;
    }
    const given = texts[part.pointer] ?? part.initial;
    if (given.trim() === "" || (part.kind === "many" && given === "[]")) {
      if (part.required && part.kind === "many") found.push([name, []]);
      else if (part.required) wrong[part.pointer] = "It is needed.";
      continue;
    }
    const [value, problem] = valueOf(part.kind, given);
    if (problem) wrong[part.pointer] = problem;
    else found.push([name, value]);
  }
  return Object.fromEntries(found);
}

function isTouched(inner: Inner, texts: Texts): boolean {
  return inner.parts.some((part) => (part.kind === "object" ? isTouched(part, texts) : (texts[part.pointer] ?? part.initial) !== part.initial));
}

function valueOf(kind: Kind, given: string): [unknown, string?] {
  const lines = () => given.split("\n").map((line) => line.trim()).filter(Boolean);
  switch (kind) {
    case "number":
    case "integer": return numberOf(given, kind === "integer");
    case "numbers": {
      const found = lines().map((line) => numberOf(line, false));
      const problem = found.find(([, one]) => one)?.[1];
      return problem ? [null, problem] : [found.map(([value]) => value)];
    }
    case "yes_no": return [given === "yes"];
    case "lines": return [lines()];
    case "choice":
    case "many":
    case "json": return parsed(given);
    default: return [given];
  }
}

function numberOf(given: string, whole: boolean): [unknown, string?] {
  const number = Number(given);
  if (!Number.isFinite(number)) return [null, "It is no number."];
  if (whole && !Number.isInteger(number)) return [null, "It is no whole number."];
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? [null, "A browser cannot keep so large a number exactly."] : [number];
}

export function parsed(given: string): [unknown, string?] {
  try {
    return [JSON.parse(given) as unknown];
  } catch (error) {
    return [null, `It is no JSON: ${error instanceof Error ? error.message : ""}`];
  }
}
