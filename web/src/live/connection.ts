// The stream of all tabs of a browser, which has few connections for one address: the tab that is looked at holds it, and
// tells the others what comes. Where a browser cannot share, as over plain HTTP in a LAN, each tab has a stream of its own.
import { tellLoggedOut } from "../api/client";
import { Stream, type Message, type Status, type Wants } from "./stream";

export type { Message, Status } from "./stream";

/** The number is that of this protocol: tabs of another version keep to themselves. */
const NAME = "callboard.stream.2";
const ASK_MS = 60_000;
/** How long the others have to say what they want and how far they are, before a tab takes over. */
const ANSWER_MS = 80;

type Said =
  | { kind: "asks" }
  | { kind: "wants"; tab: string; wants: Wants; cursor: string | undefined }
  | { kind: "gone"; tab: string }
  | { kind: "status"; status: Status; sessions: readonly string[] }
  | { kind: "tells"; message: Message; cursor: string | undefined };

export class Connection {
  status: Status = { phase: "connecting", since: Date.now() };
  private readonly tab = Math.random().toString(36).slice(2);
  private own: Wants = { headlines: true, sessions: [] };
  private readonly others = new Map<string, { wants: Wants; silent: boolean }>();
  private readonly stream = new Stream((message) => this.told(message), (status) => this.streamIs(status));
  private channel: BroadcastChannel | undefined;
  private cursor: string | undefined;
  private covered: readonly string[] = [];
  private begun = false;
  private leads = false;
  private release: (() => void) | undefined;
  private queued: AbortController | undefined;
  private asking: ReturnType<typeof setInterval> | undefined;
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

  /** Wants everything of this session and what matters of all others; without one, what the callboard shows. */
  open(sessionId?: string): void {
    this.own = sessionId === undefined ? { headlines: true, sessions: [] } : { headlines: false, sessions: [sessionId] };
    if (!this.begun) this.begin();
    else if (this.leads) this.openStream();
    else this.sayWants();
  }

  /** Begins, unless a page has done so already. */
  begin(): void {
    if (this.begun) return;
    this.begun = true;
    if (!("locks" in navigator) || !("BroadcastChannel" in window)) return this.lead();
    this.channel = new BroadcastChannel(NAME);
    this.channel.onmessage = (event: MessageEvent<Said>) => this.heard(event.data);
    window.addEventListener("pagehide", this.leave);
    void this.compete("if free");
  }

  /** Something tells that it may work, as the network or the person coming back: who is looked at leads. */
  readonly nudge = (): void => {
    if (!this.begun) return;
    if (this.leads) this.stream.nudge();
    else if (this.channel && this.release === undefined && document.visibilityState === "visible") void this.compete("now");
  };

  close(): void {
    this.begun = false;
    window.removeEventListener("pagehide", this.leave);
    this.leave();
    this.queued?.abort();
    this.channel?.close();
    this.channel = undefined;
  }

  // ---------------------------------------------------------------- who leads

  /** Becomes the one that holds the stream: if nobody does, when nobody does any more, or now, in place of who does. */
  private async compete(how: "if free" | "in turn" | "now"): Promise<void> {
    this.queued?.abort();
    const queued = new AbortController();
    this.queued = queued;
    if (how === "in turn") this.sayWants();
    const options: LockOptions = how === "if free" ? { ifAvailable: true } : how === "now" ? { steal: true } : { signal: queued.signal };
    try {
      const led = await navigator.locks.request(NAME, options, async (lock) => {
        if (lock === null || !this.begun || queued !== this.queued) return false;
        await new Promise<void>((resolve) => {
          this.release = resolve;
          this.takeOver(how === "if free");
        });
        return true;
      });
      if (!led && this.begun && queued === this.queued) void this.compete(document.visibilityState === "visible" ? "now" : "in turn");
    } catch {
      // Another tab took it, or this wish was given up for a newer one.
      if (queued !== this.queued || !this.begun) return;
      this.yield();
      void this.compete("in turn");
    }
  }

  private takeOver(alone: boolean): void {
    this.say({ kind: "asks" });
    if (alone) return this.lead();
    setTimeout(() => this.release && this.begun && this.lead(), ANSWER_MS);
  }

  private lead(): void {
    this.leads = true;
    this.stream.cursor = this.cursor;
    this.openStream();
    clearInterval(this.asking);
    if (this.channel) this.asking = setInterval(() => this.askAll(), ASK_MS);
  }

  private yield(): void {
    this.leads = false;
    this.release = undefined;
    clearInterval(this.asking);
    this.stream.close();
    this.cursor = this.stream.cursor ?? this.cursor;
  }

  private readonly leave = (): void => {
    this.say({ kind: "gone", tab: this.tab });
    const { release } = this;
    this.yield();
    release?.();
  };

  // ---------------------------------------------------------------- what is wanted

  private openStream(): void {
    const all = [this.own, ...[...this.others.values()].map((other) => other.wants)];
    // Our own session first: of very many tabs the last go without.
    this.stream.open({ headlines: all.some((one) => one.headlines), sessions: [...new Set(all.flatMap((one) => one.sessions))] });
  }

  /** Tabs that have not answered the time before are gone without a word. */
  private askAll(): void {
    for (const [tab, other] of this.others) {
      if (other.silent) this.others.delete(tab);
      other.silent = true;
    }
    this.openStream();
    this.say({ kind: "asks" });
  }

  private sayWants(): void {
    this.say({ kind: "wants", tab: this.tab, wants: this.own, cursor: this.cursor });
  }

  private say(said: Said): void {
    this.channel?.postMessage(said);
  }

  private heard(said: Said): void {
    switch (said.kind) {
      case "asks": return this.sayWants();
      case "gone": this.others.delete(said.tab); return;
      case "wants":
        this.others.set(said.tab, { wants: said.wants, silent: false });
        if (!this.leads) {
          this.cursor ??= said.cursor;
          return;
        }
        this.openStream();
        return this.sayStatus();
      case "status":
        if (this.leads) return;
        this.cover(said.sessions);
        return this.show(said.status);
      case "tells":
        if (this.leads) return;
        this.cursor = said.cursor;
        return this.tell(said.message);
    }
  }

  // ---------------------------------------------------------------- what comes

  private told(message: Message): void {
    this.cursor = this.stream.cursor;
    if (this.others.size > 0) this.say({ kind: "tells", message, cursor: this.cursor });
    this.tell(message);
  }

  private streamIs(status: Status): void {
    this.cursor = this.stream.cursor;
    this.sayStatus();
    this.cover(this.coming());
    this.show(status);
  }

  private sayStatus(): void {
    this.say({ kind: "status", status: this.stream.status, sessions: this.coming() });
  }

  /** The sessions of which everything comes now. */
  private coming(): readonly string[] {
    return this.stream.status.phase === "live" ? this.stream.sessions : [];
  }

  /** What has begun to come of the session that is looked at here is read up to there. */
  private cover(sessions: readonly string[]): void {
    const fresh = this.own.sessions.some((one) => sessions.includes(one) && !this.covered.includes(one));
    this.covered = sessions;
    if (fresh) this.tell({ kind: "opened" });
  }

  private tell(message: Message): void {
    for (const reader of this.readers) reader(message);
  }

  private show(status: Status): void {
    if (status.phase === this.status.phase && status.since === this.status.since) return;
    this.status = status;
    if (status.phase === "ended") tellLoggedOut();
    for (const watcher of this.watchers) watcher();
  }
}
