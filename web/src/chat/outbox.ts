// What a person has sent and the coordinator has not taken yet: kept over a reload, sent in its order, and once, as each
// message has a key from its beginning. It is its writer's: nobody else who logs in here sends or sees it. Knows no page.
import { call, newKey, Problem } from "../api/client";
import type { CreateRun } from "../api/schema";
import { isStill, person, UNSENT } from "../live/person";
import { connection, Store } from "../live/stores";
import { keep } from "../parts/kept";

export type How = "auto" | "resume" | "interrupt" | "start";

export interface Outgoing {
  key: string;
  /** Who wrote it. */
  by: string;
  /** The session that it goes to; of a conversation that begins, a name for what it begins from. */
  scope: string;
  text: string;
  how: How;
  /** With `start`: the run's other fields. */
  fields?: Partial<CreateRun>;
  at: number;
  state: "sending" | "refused" | "old" | "accepted";
  /** It may have arrived: as long as it was not tried, it can be taken back. */
  tried?: boolean;
  why?: string;
  session_id?: string;
  run_id?: string;
  message_id?: string;
  /** live: before the agent that works; resume: as the run of run_id. */
  delivery?: "live" | "resume";
}

const PLACE = UNSENT;
const RETRY_MS = 2_000;
/** The coordinator knows a key for a day; what is older could be sent twice, so a person is asked. */
const LONGEST_MS = 20 * 3_600_000;
/** How long it is kept for its writer while others use this browser. */
const KEPT_MS = 7 * 24 * 3_600_000;
/** How long after the stream broke nothing is tried: what was not tried can still be changed. */
const PATIENCE_MS = 15_000;
const PASSING = new Set(["idempotency_in_flight"]);

export const outbox = new Store<readonly Outgoing[]>([]);
const busy = new Set<string>();
/** When what could not be sent is tried again: one time for each scope, however often the stream comes and goes. */
const again = new Map<string, ReturnType<typeof setTimeout>>();

function read(): Outgoing[] {
  const found: Outgoing[] = [];
  for (const name of Object.keys(localStorage).filter((one) => one.startsWith(PLACE))) {
    const one = parsed(localStorage.getItem(name) ?? "");
    if (one === null || !one.by || (one.by !== person.get() && Date.now() - one.at > KEPT_MS)) localStorage.removeItem(name);
    else if (one.by === person.get()) found.push(Date.now() - one.at > LONGEST_MS ? { ...one, state: "old", why: "This was written long ago and not sent." } : one);
  }
  return found.sort((one, other) => one.at - other.at);
}

function put(one: Outgoing): void {
  keep(localStorage, PLACE + one.key, one.state === "accepted" ? null : JSON.stringify(one));
  const all = outbox.get();
  outbox.set(all.some((other) => other.key === one.key) ? all.map((other) => (other.key === one.key ? one : other)) : [...all, one]);
}

/** Takes a message and sees that it arrives; returns its key. */
export function send(scope: string, text: string, how: How, fields?: Partial<CreateRun>): string {
  const key = newKey();
  put({ key, by: person.get() ?? "", scope, text, how, at: Date.now(), state: "sending", ...(fields ? { fields } : {}) });
  void flush(scope);
  return key;
}

/** Sends again what was refused or is old, as a new message. */
export function sendAgain(one: Outgoing): void {
  forget(one.key);
  send(one.scope, one.text, one.how, one.fields);
}

/** It is shown elsewhere now, or the person takes it back. */
export function forget(key: string): void {
  localStorage.removeItem(PLACE + key);
  outbox.set(outbox.get().filter((one) => one.key !== key));
}

/** Sends what waits for this scope, one after the other. */
export async function flush(scope: string): Promise<void> {
  if (busy.has(scope)) return;
  busy.add(scope);
  try {
    for (let next = first(scope); next; next = first(scope)) {
      // This page is about to be another one's, who does not send it.
      if (!isStill(next.by)) return;
      if (!isWorthTrying()) throw new Problem(0, "unreachable", "The coordinator does not answer.");
      await deliver(next);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // Whoever logs in again comes by a new page, which sends what lies here.
    if (error.status !== 401) {
      clearTimeout(again.get(scope));
      again.set(scope, setTimeout(() => void flush(scope), RETRY_MS));
    }
  } finally {
    busy.delete(scope);
  }
}

function isWorthTrying(): boolean {
  const { phase, since } = connection.status;
  return navigator.onLine && (phase !== "waiting" || Date.now() - since > PATIENCE_MS);
}

function first(scope: string): Outgoing | undefined {
  return outbox.get().find((one) => one.scope === scope && one.state === "sending");
}

async function deliver(one: Outgoing): Promise<void> {
  put({ ...one, tried: true });
  try {
    const accepted = await post(one);
    put({ ...one, delivery: "resume", ...accepted, scope: accepted.session_id, state: "accepted" });
  } catch (error) {
    if (!(error instanceof Problem) || error.isTemporary || error.status === 401 || error.status === 429 || PASSING.has(error.code)) throw error;
    put({ ...one, tried: true, state: "refused", why: [error.detail, error.hint].filter(Boolean).join(" ") });
  }
}

async function post(one: Outgoing): Promise<Pick<Outgoing, "run_id" | "message_id" | "delivery"> & { session_id: string }> {
  if (one.how === "start") {
    return call("POST /runs", { body: { type: "start_session", prompt: one.text, ...one.fields }, idempotencyKey: one.key });
  }
  if (one.how === "interrupt") {
    return call("POST /runs", { idempotencyKey: one.key,
      body: { type: "resume_session", session_id: one.scope, prompt: one.text, on_busy: "interrupt" } });
  }
  return call("POST /sessions/{session_id}/messages", {
    path: { session_id: one.scope }, body: { text: one.text, delivery: one.how }, idempotencyKey: one.key,
  });
}

/** From the login on it is known whose they are. */
function take(): void {
  outbox.set(read());
}
person.watch(take);
if (person.get() !== null) take();

connection.watch(() => {
  if (connection.status.phase !== "live") return;
  for (const scope of new Set(outbox.get().map((one) => one.scope))) void flush(scope);
});

// Another tab has sent it, changed it or thrown it away.
window.addEventListener("storage", (event) => {
  if (!event.key?.startsWith(PLACE)) return;
  const key = event.key.slice(PLACE.length);
  const others = outbox.get().filter((one) => one.key !== key);
  const given = event.newValue === null ? null : parsed(event.newValue);
  outbox.set(given && given.by === person.get() ? [...others, given].sort((one, other) => one.at - other.at) : others);
});

function parsed(text: string): Outgoing | null {
  try {
    return JSON.parse(text) as Outgoing;
  } catch {
    return null;
  }
}
