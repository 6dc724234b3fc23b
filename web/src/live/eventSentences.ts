// What was written into a log of budgets, stops, callbacks, checks and the lifecycle, as a sentence; the command line says the same.
// Pure; ids stand in it as they are, for who knows the names.

type Payload = Record<string, unknown>;

const STOPPED_BY: Readonly<Record<string, string>> = {
  person: "by a person", parent: "by its parent session", tree: "with the tree that it belongs to",
  busy: "to make way for a newer run", lifecycle: "because its work was halted",
};
const REASONS: Readonly<Record<string, string>> = {
  budget_exceeded: "because its budget lets nothing go on", timeout: "because it took longer than its limit",
};

function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** `$2.50`, or `1200 tokens`. */
export function amountInWords(unit: "microdollars" | "tokens", amount: number): string {
  if (unit === "tokens") return `${amount} tokens`;
  return `$${(amount / 1_000_000).toFixed(amount % 10_000 === 0 ? 2 : 6)}`;
}

/** What of one limit was changed; nothing where it is as it was, or nothing is known of before. */
function change(payload: Payload, unit: "microdollars" | "tokens"): string {
  const limit = payload[`budget_${unit}`];
  const before = payload[`before_${unit}`];
  const said = (value: number) => amountInWords(unit, value);
  if (typeof limit !== "number") return typeof before === "number" ? `limit of ${said(before)} taken away` : "";
  if (typeof before !== "number") return `set to ${said(limit)}`;
  return before === limit ? "" : `${limit > before ? "raised" : "lowered"} from ${said(before)} to ${said(limit)}`;
}

function budgetSentence(payload: Payload): string {
  const changes = [change(payload, "microdollars"), change(payload, "tokens")].filter(Boolean).join(", ");
  const by = word(payload.by_label) || word(payload.by);
  return `budget ${changes || "not changed"}${by ? ` by ${by}` : ""}`;
}

function stopSentence(payload: Payload): string {
  const reason = word(payload.reason);
  const why = STOPPED_BY[word(payload.stopped_by)] ?? REASONS[reason] ?? (reason && `(${reason.replaceAll("_", " ")})`);
  return `stop requested ${why}`.trim();
}

function callbackSentence(type: string, payload: Payload): string {
  const child = `the end of ${word(payload.child_session_id) || "a child"}`;
  const why = word(payload.why) ? `: ${word(payload.why)}` : "";
  switch (type) {
    case "callback_waiting": return `${child} waits to be told here`;
    case "callback_assigned": return `${child} is told by ${word(payload.run_id) || "a run"}`;
    case "callback_accepted": return `${child} was heard by the agent of ${word(payload.run_id) || "a run"}`;
    case "callback_held": return `${child} is held${why}`;
    default: return `${child} cannot be told${why}`;
  }
}

function spaced(value: unknown): string {
  return word(value).replaceAll("_", " ");
}

/** How a check ended, apart from what it printed. */
function checkSentence(payload: Payload): string {
  const passed = payload.exit_code === 0 && !payload.timed_out;
  const how = passed ? "passed" : payload.timed_out ? "took too long" : `failed, ${word(payload.signal) || `exit code ${String(payload.exit_code ?? "?")}`}`;
  const took = typeof payload.duration_ms === "number" ? `, ${payload.duration_ms} ms` : "";
  return `${passed ? "✓" : "✗"} check ${word(payload.name)} ${how}${took}`;
}

function lifecycleSentence(payload: Payload): string {
  const by = word(payload.by) ? ` by ${word(payload.by)}` : "";
  const why = word(payload.reason) ? `: ${word(payload.reason)}` : "";
  return `work: ${spaced(payload.from) || "?"} → ${spaced(payload.to) || "?"}${by}${why}`;
}

/** The sentence of an event; null for one that tells itself otherwise. */
export function sentenceOf(type: string, payload: Payload): string | null {
  switch (type) {
    case "budget_changed": return budgetSentence(payload);
    case "stop_requested": return stopSentence(payload);
    case "lifecycle_changed": return lifecycleSentence(payload);
    case "check_started": return `check ${word(payload.name)} begins`;
    case "check_completed": return checkSentence(payload);
  }
  return type.startsWith("callback_") ? callbackSentence(type, payload) : null;
}
