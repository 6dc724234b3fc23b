// Text of agents, made harmless for the eye: colours of terminals go, and what is invisible or turns the direction of
// reading is shown by its number. Pure; that nothing of it runs is React's doing, which writes text as text.

// eslint-disable-next-line no-control-regex
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|[PX^_][^\u001b]*(?:\u001b\\|$)|[ -/]*[0-~])/g;
// C0 and C1 without tab and newline, bidi controls, invisible characters, tags, and lone surrogates.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** The text without commands to a terminal, invisible characters shown as ‹U+202E›. */
export function inert(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(ANSI, "").replace(UNSEEN, shown);
}

function shown(character: string): string {
  return `‹U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}›`;
}

/** The text without anything taken out: also what would be a command to a terminal, or a line's other end, is shown. */
export function exact(text: string): string {
  return text.replace(UNSEEN, shown);
}

export interface CommandCall {
  command: string;
  /** What the agent says of it. */
  said: string | null;
  /** What else was given, or null. */
  rest: Record<string, unknown> | null;
}

/** A call of a command with what is said of it; null for any other call. */
export function callOf(input: unknown): CommandCall | null {
  if (!input || typeof input !== "object" || Array.isArray(input)) return null;
  const { command, ...others } = input as Record<string, unknown>;
  if (typeof command !== "string") return null;
  const { description, ...rest } = others;
  const said = typeof description === "string" ? description : null;
  const more = said === null ? others : rest;
  return { command, said, rest: Object.keys(more).length > 0 ? more : null };
}

/** Any value of an event as text: a text as it is, everything else as JSON. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return inert(typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

/** The only text of an input is shown as such: a command reads better than JSON around it. */
export function inputText(input: unknown): string {
  const values = input && typeof input === "object" ? Object.values(input) : [];
  return values.length === 1 && typeof values[0] === "string" ? exact(values[0]) : asText(input);
}
