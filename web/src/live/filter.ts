// The one box that filters lists: words, "several words", #123, and tokens such as state:blocked or cost:>1. Pure.

/** What a list can be filtered by; null for what is not known of an entry, which no token fits then. */
export interface Filterable {
  /** All words that mean the state: its group, its status, what it waits for. */
  states: readonly (string | null)[];
  project: string | null;
  /** The runner's host, name and id. */
  runners: readonly (string | null)[];
  agent: string | null;
  executor: string | null;
  model?: string | null;
  cost_microdollars: number | null;
  issues: readonly number[];
  /** Whatever else words are looked for in. */
  texts: readonly (string | null)[];
}

export interface Token {
  key: string;
  value: string;
  /** `-state:done` leaves out what fits. */
  without: boolean;
}

export interface Filter {
  tokens: readonly Token[];
  /** What is wrong with it, in words; it filters by the rest. */
  faults: readonly string[];
}

export const TOKENS: readonly [string, string][] = [
  ["state:", "needs-you, review, working, queued, done, failed, approval …"], ["project:", "its name"], ["runner:", "its host or name"], ["agent:", "its name"],
  ["executor:", "claude-code …"], ["model:", "opus …"], ["cost:>1", "in dollars; also <, >=, <="], ["#12", "an issue"], ['"two words"', "as they stand"], ["-state:done", "all but these"],
];

const KEYS = new Set(["state", "project", "runner", "agent", "executor", "model", "cost"]);
const ALSO: Record<string, string> = { blocked: "needs_you", review: "ready_for_review", waiting: "queued", stuck: "stuck", running: "working" };
const PART = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;
const COST = /^(>=|<=|>|<|=)?\$?(\d+(?:\.\d+)?)$/;
const MICRO = 1_000_000;

export function readFilter(text: string): Filter {
  const tokens: Token[] = [];
  const faults: string[] = [];
  for (const [whole, minus, name, quoted, plain] of text.matchAll(PART)) {
    const key = (name ?? "").toLowerCase();
    const value = (quoted ?? plain ?? "").toLowerCase();
    // A token that is being written filters nothing yet.
    if (!key && plain?.endsWith(":") && KEYS.has(plain.slice(0, -1).toLowerCase())) continue;
    if (key && !KEYS.has(key)) {
      // A colon stands in many texts: a time, an address.
      tokens.push({ key: "", value: whole.toLowerCase(), without: false });
      faults.push(`“${key}:” is no filter; it is looked for as a text.`);
    } else if (key === "cost" && !COST.test(value)) {
      faults.push("“cost:” wants an amount of dollars, as in cost:>1.5.");
    } else if (value) {
      // A minus before a plain word belongs to the word.
      tokens.push(key || quoted !== undefined ? { key, value, without: minus === "-" } : { key: "", value: minus + value, without: false });
    }
  }
  return { tokens, faults };
}

/** The words by which the coordinator is asked for what fits; what else the filter says is looked at here. */
export function wordsOf(filter: Filter): string[] {
  return filter.tokens.filter((one) => !one.without && (one.key === "agent" || (one.key === "" && !/^#\d+$/.test(one.value)))).map((one) => one.value);
}

export function fitsFilter(entry: Filterable, filter: Filter): boolean {
  return filter.tokens.every((token) => fitsToken(entry, token) !== token.without);
}

function fitsToken(entry: Filterable, { key, value }: Token): boolean {
  switch (key) {
    case "state": return isState(entry.states, value);
    case "project": return has(entry.project, value);
    case "runner": return entry.runners.some((one) => has(one, value));
    case "agent": return has(entry.agent, value);
    case "executor": return has(entry.executor, value);
    case "model": return has(entry.model ?? null, value);
    case "cost": return costs(entry.cost_microdollars, value);
    default: return /^#\d+$/.test(value) ? entry.issues.includes(Number(value.slice(1))) : [...entry.texts, entry.agent, entry.executor, entry.project, ...entry.runners].some((one) => has(one, value));
  }
}

/** A state by its beginning, however it is written: needs-you, Needs_You, need. */
function isState(states: readonly (string | null)[], value: string): boolean {
  const wanted = value.replaceAll("-", "_");
  const known = states.map((one) => one?.toLowerCase() ?? "");
  return known.some((one) => one.startsWith(wanted)) || (ALSO[wanted] !== undefined && known.includes(ALSO[wanted]));
}

function has(text: string | null, value: string): boolean {
  return text !== null && text.toLowerCase().includes(value);
}

function costs(cost: number | null, value: string): boolean {
  const [, sign = "=", amount = ""] = COST.exec(value) ?? [];
  if (cost === null) return false;
  const wanted = Number(amount) * MICRO;
  return sign === ">" ? cost > wanted : sign === "<" ? cost < wanted : sign === ">=" ? cost >= wanted : sign === "<=" ? cost <= wanted : Math.abs(cost - wanted) < MICRO / 200;
}
