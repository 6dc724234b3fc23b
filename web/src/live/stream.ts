// One stream of the coordinator. It goes on from its cursor after whatever happens to the coordinator, the network or the
// lid of the laptop, and tells what it is doing. Knows no page, no tab and no state: it hands on what comes, in order.
import { address, Problem, reach } from "../api/client";
import { frameReader, type Frame } from "./sse";
import { COST_TYPES, HEADLINE_TYPES, STATE_TYPES, type Delta, type Event } from "./types";

export type Phase = "connecting" | "live" | "waiting" | "ended";
export interface Status {
  phase: Phase;
  /** Since when it is not live, on the browser's own clock. */
  since: number;
}
export type Message =
  | { kind: "events"; events: Event[] }
  | { kind: "deltas"; deltas: Delta[] }
  /** The stream brings a session from now on: what came before is read. */
  | { kind: "opened" }
  /** Events were forgotten before they came here, or nobody knows which were missed: read again. */
  | { kind: "gap" };

/** What is wanted besides how all sessions stand: the newest word of each, and everything of some. */
export interface Wants {
  headlines: boolean;
  sessions: readonly string[];
}

const SILENCE_MS = 40_000; // the coordinator pings every 15 s
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 10_000;
const GATHER_MS = 40;
const MOST_SESSIONS = 32;
const SESSION = /ses_[0-9a-z]{26}/g;

export class Stream {
  status: Status = { phase: "connecting", since: Date.now() };
  /** Behind the last event that was handed on. */
  cursor: string | undefined;
  private read: string | undefined;
  private wants: Wants = { headlines: true, sessions: [] };
  private abort: AbortController | undefined;
  private waitMs = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  /** Sessions that are not there: without them the others come. */
  private readonly missing = new Set<string>();
  private gathered: (Event | Delta)[] = [];
  private gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onMessage: (message: Message) => void, private readonly onStatus: (status: Status) => void) {}

  /** The sessions of which everything comes. */
  get sessions(): readonly string[] {
    return this.wants.sessions.filter((one) => !this.missing.has(one)).slice(0, MOST_SESSIONS);
  }

  /** Opens the stream, or opens it anew when something else is wanted. */
  open(wants: Wants): void {
    if (this.abort && same(this.wants, wants)) return;
    this.wants = wants;
    this.flush();
    this.reconnect();
  }

  /** Connects again now: something tells that it may work, as the network or the person coming back. */
  nudge(): void {
    if (this.status.phase === "waiting") this.reconnect();
  }

  /** Ends it; what was not handed on is read again when it is opened. */
  close(): void {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    clearTimeout(this.gathering);
    this.gathering = undefined;
    this.gathered = [];
    this.abort?.abort();
    this.abort = undefined;
  }

  private reconnect(): void {
    this.close();
    this.waitMs = FIRST_WAIT_MS;
    void this.run();
  }

  private async run(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    this.read = this.cursor;
    this.show("connecting");
    try {
      await this.follow(abort);
    } catch (error) {
      if (abort !== this.abort) return;
      if (error instanceof Problem && error.status === 401) return this.show("ended");
      if (error instanceof Problem && error.code === "session_not_found") {
        const before = this.missing.size;
        for (const one of error.detail.match(SESSION) ?? this.wants.sessions) this.missing.add(one);
        if (this.missing.size > before) return this.giveUp();
      }
      if (error instanceof Problem && error.code === "invalid_cursor") {
        // Another coordinator's data: what was missed cannot be known.
        this.cursor = undefined;
        this.onMessage({ kind: "gap" });
      }
    }
    if (abort !== this.abort) return;
    clearTimeout(this.watchdog);
    this.flush();
    this.show("waiting");
    const wait = this.waitMs * (0.75 + Math.random() / 2);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
    this.timer = setTimeout(() => void this.run(), wait);
  }

  private async follow(abort: AbortController): Promise<void> {
    const init = { headers: { Accept: "text/event-stream" }, signal: abort.signal, cache: "no-store" as const };
    const answer = await reach(address("/sse/sessions", {}, { ...queryOf(this.wants.headlines, this.sessions), after: this.cursor }), init);
    const body = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const frames = frameReader();
    for (;;) {
      clearTimeout(this.watchdog);
      this.watchdog = setTimeout(() => abort === this.abort && this.giveUp(), SILENCE_MS);
      const part = await body?.read();
      if (!part || part.done || abort !== this.abort) return;
      for (const frame of frames(part.value)) this.take(frame);
      // Timers of a tab that nobody sees are slow; nothing is drawn there that had to be spared.
      if (document.hidden) this.flush();
    }
  }

  private giveUp(): void {
    this.flush();
    this.close();
    void this.run();
  }

  private take(frame: Frame): void {
    if (frame.type === "ready") {
      this.cursor ??= (JSON.parse(frame.data) as { cursor: string }).cursor;
      this.read = this.cursor;
      this.waitMs = FIRST_WAIT_MS;
      this.show("live");
    } else if (frame.type === "gap") {
      this.flush();
      this.cursor = this.read = (JSON.parse(frame.data) as { until: string }).until;
      this.onMessage({ kind: "gap" });
    } else if (frame.type === "delta" || frame.id) {
      if (frame.id) this.read = frame.id;
      this.gathered.push(JSON.parse(frame.data) as Event | Delta);
      this.gathering ??= setTimeout(() => this.flush(), GATHER_MS);
    }
  }

  /** Hands on what has gathered, in its order: a hundred events a second are a few changes of the page. */
  private flush(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    const all = this.gathered;
    if (all.length === 0) return;
    this.gathered = [];
    this.cursor = this.read;
    for (let from = 0; from < all.length; ) {
      const events = isEvent(all[from]);
      let to = from;
      while (to < all.length && isEvent(all[to]) === events) to++;
      const part = all.slice(from, to);
      this.onMessage(events ? { kind: "events", events: part as Event[] } : { kind: "deltas", deltas: part as Delta[] });
      from = to;
    }
  }

  private show(phase: Phase): void {
    if (phase === this.status.phase) return;
    const since = this.status.phase === "live" || phase === "live" ? Date.now() : this.status.since;
    this.status = { phase, since };
    this.onStatus(this.status);
  }
}

/** Everything of some sessions and what matters of all others; without any, the callboard's. */
function queryOf(headlines: boolean, sessions: readonly string[]): Record<string, string> {
  const [first, ...more] = sessions;
  const everywhere = [...STATE_TYPES, ...COST_TYPES, ...(headlines ? HEADLINE_TYPES : [])].join(",");
  if (first === undefined) return { types: [...STATE_TYPES, ...COST_TYPES, ...HEADLINE_TYPES].join(",") };
  return { session_id: first, ...(more.length > 0 ? { also: more.join(",") } : {}), everywhere };
}

function same(one: Wants, other: Wants): boolean {
  return one.headlines === other.headlines && one.sessions.join() === other.sessions.join();
}

function isEvent(one: Event | Delta | undefined): boolean {
  return one !== undefined && "seq" in one;
}
