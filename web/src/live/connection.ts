// The one stream of a page. It goes on from its cursor after whatever happens to the coordinator, the network or the
// lid of the laptop, and tells what it is doing. Knows no page and no state: it hands on what comes, in order.
import { address, Problem, reach } from "../api/client";
import type { Delta, Event } from "./types";
import { STATE_TYPES, HEADLINE_TYPES } from "./types";
import { frameReader, type Frame } from "./sse";

export type Phase = "connecting" | "live" | "waiting" | "ended";

export interface Status {
  phase: Phase;
  /** Since when it is not live, on the browser's own clock. */
  since: number;
}

export type Message =
  | { kind: "events"; events: Event[] }
  | { kind: "deltas"; deltas: Delta[] }
  /** Events were forgotten before they came here, or nobody knows which were missed: read again. */
  | { kind: "gap" };

const SILENCE_MS = 40_000; // the coordinator pings every 15 s
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 10_000;
const GATHER_MS = 40;

export class Connection {
  status: Status = { phase: "connecting", since: Date.now() };
  private cursor: string | undefined;
  private sessionId: string | undefined;
  private abort: AbortController | undefined;
  private waitMs = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private gathered: (Event | Delta)[] = [];
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private readonly readers = new Set<(message: Message) => void>();
  private readonly watchers = new Set<() => void>();

  /** Calls with what comes, until the returned function is called. */
  read(reader: (message: Message) => void): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  /** Calls when the status changes. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly getStatus = (): Status => this.status;

  /** Opens the stream: everything of this session and what matters of all others; without one, the callboard's. */
  open(sessionId?: string): void {
    if (this.abort && this.sessionId === sessionId) return;
    this.sessionId = sessionId;
    this.reconnect();
  }

  /** Opens the callboard's stream, unless a page has opened one already. */
  begin(): void {
    if (!this.abort) this.open();
  }

  /** Connects again now: something tells that it may work, as the network or the person coming back. */
  readonly nudge = (): void => {
    if (this.status.phase === "waiting") this.reconnect();
  };

  close(): void {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.abort?.abort();
    this.abort = undefined;
    this.flush();
  }

  private reconnect(): void {
    this.close();
    this.waitMs = FIRST_WAIT_MS;
    void this.run();
  }

  private async run(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    this.show("connecting");
    try {
      await this.follow(abort);
    } catch (error) {
      if (abort !== this.abort) return;
      if (error instanceof Problem && error.status === 401) return this.show("ended");
      if (error instanceof Problem && error.code === "invalid_cursor") {
        // Another coordinator's data: what was missed cannot be known.
        this.cursor = undefined;
        this.tell({ kind: "gap" });
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
    const everywhere = [...STATE_TYPES].join(",");
    const query = this.sessionId
      ? { session_id: this.sessionId, everywhere, after: this.cursor }
      : { types: `${everywhere},${HEADLINE_TYPES.join(",")}`, after: this.cursor };
    const init = { headers: { Accept: "text/event-stream" }, signal: abort.signal, cache: "no-store" as const };
    const answer = await reach(address("/sse/sessions", {}, query), init);
    const body = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const frames = frameReader();
    for (;;) {
      clearTimeout(this.watchdog);
      this.watchdog = setTimeout(() => abort === this.abort && this.giveUp(), SILENCE_MS);
      const part = await body?.read();
      if (!part || part.done || abort !== this.abort) return;
      for (const frame of frames(part.value)) this.take(frame);
    }
  }

  private giveUp(): void {
    this.close();
    void this.run();
  }

  private take(frame: Frame): void {
    if (frame.type === "ready") {
      this.cursor ??= (JSON.parse(frame.data) as { cursor: string }).cursor;
      this.waitMs = FIRST_WAIT_MS;
      this.show("live");
    } else if (frame.type === "gap") {
      this.flush();
      this.cursor = (JSON.parse(frame.data) as { until: string }).until;
      this.tell({ kind: "gap" });
    } else if (frame.type === "delta" || frame.id) {
      if (frame.id) this.cursor = frame.id;
      this.gathered.push(JSON.parse(frame.data) as Event | Delta);
      this.gathering ??= setTimeout(() => this.flush(), GATHER_MS);
    }
  }

  /** Hands on what has gathered, in its order: a hundred events a second are a few changes of the page. */
  private flush(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    const all = this.gathered;
    this.gathered = [];
    for (let from = 0; from < all.length; ) {
      const events = isEvent(all[from]);
      let to = from;
      while (to < all.length && isEvent(all[to]) === events) to++;
      const part = all.slice(from, to);
      this.tell(events ? { kind: "events", events: part as Event[] } : { kind: "deltas", deltas: part as Delta[] });
      from = to;
    }
  }

  private tell(message: Message): void {
    for (const reader of this.readers) reader(message);
  }

  private show(phase: Phase): void {
    if (phase === this.status.phase) return;
    const since = this.status.phase === "live" || phase === "live" ? Date.now() : this.status.since;
    this.status = { phase, since };
    for (const watcher of this.watchers) watcher();
  }
}

function isEvent(one: Event | Delta | undefined): boolean {
  return one !== undefined && "seq" in one;
}
