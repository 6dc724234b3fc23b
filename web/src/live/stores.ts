// What all pages share while they are open: the stream, the callboard it keeps, and the session that is looked at.
// The only place where the pure reducers meet time and network.
import { useSyncExternalStore } from "react";
import { call, Problem } from "../api/client";
import { boardOf, EMPTY_BOARD, markStale, putSession, reduceBoard, type BoardState } from "./board";
import { hearServerTime } from "./clock";
import { Connection, type Status } from "./connection";
import { poolsOf } from "./costs";
import { EMPTY_TIMELINE, hasEarlier, hasHole, holdTimeline, prependTimeline, reduceDeltas, reduceTimeline, type Timeline } from "./timeline";
import type { Event } from "./types";

const READ_AGAIN_MS = 120;
const RETRY_MS = 2_000;
const PAGE = 200;
const PAGES_AT_ONCE = 4;
const LIMIT = 100;

/** A value that is looked at by components; replaced, never changed. */
export class Store<T> {
  private readonly watchers = new Set<() => void>();
  constructor(private value: T) {}
  readonly get = (): T => this.value;
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
  set(value: T): void {
    if (value === this.value) return;
    this.value = value;
    for (const watcher of this.watchers) watcher();
  }
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.watch, store.get);
}

export const connection = new Connection();

export function useConnection(): Status {
  return useSyncExternalStore(connection.watch, connection.getStatus);
}

// ------------------------------------------------------------------ the callboard

export interface Loaded {
  state: BoardState;
  phase: "loading" | "there" | "failed";
  problem: Problem | null;
}

export const board = new Store<Loaded>({ state: EMPTY_BOARD, phase: "loading", problem: null });
const eventListeners = new Set<(events: readonly Event[]) => void>();
let reading: ReturnType<typeof setTimeout> | undefined;
let asked = 0;

/** Calls with every event that comes, of whatever session: for pages that keep lists of their own fresh. */
export function onEvents(listener: (events: readonly Event[]) => void): () => void {
  eventListeners.add(listener);
  return () => eventListeners.delete(listener);
}

/** Reads the whole callboard: at the beginning, and after a gap. */
export async function loadBoard(): Promise<void> {
  const mine = ++asked;
  try {
    const found = await call("GET /board", { query: { limit: LIMIT } });
    if (mine !== asked) return;
    hearServerTime(found.at, true);
    board.set({ state: boardOf(found), phase: "there", problem: null });
  } catch (error) {
    if (mine !== asked || !(error instanceof Problem)) return;
    board.set({ ...board.get(), phase: board.get().phase === "there" ? "there" : "failed", problem: error });
    if (error.isTemporary) setTimeout(() => void loadBoard(), RETRY_MS);
  }
}

function setBoard(state: BoardState): void {
  board.set({ ...board.get(), state });
  if (state.stale.size > 0) reading ??= setTimeout(() => void readStale(), READ_AGAIN_MS);
}

async function readStale(): Promise<void> {
  const ids = [...board.get().state.stale];
  let failed = false;
  for (let from = 0; from < ids.length; from += PAGES_AT_ONCE) {
    await Promise.all(
      ids.slice(from, from + PAGES_AT_ONCE).map(async (id) => {
        try {
          board.set({ ...board.get(), state: putSession(board.get().state, id, await call("GET /sessions/{session_id}", { path: { session_id: id } })) });
        } catch (error) {
          if (error instanceof Problem && error.status === 404) board.set({ ...board.get(), state: putSession(board.get().state, id, null) });
          else failed = true;
        }
      }),
    );
  }
  reading = undefined;
  if (board.get().state.stale.size > 0) reading = setTimeout(() => void readStale(), failed ? RETRY_MS : READ_AGAIN_MS);
}

const SPENT_GATHER_MS = 1_000;
const MOST_SPENT = 20;
const spent = new Set<string>();
let spending: ReturnType<typeof setTimeout> | undefined;

/** What sessions have spent, and their pools have left, is read again once a second, and of many sessions in turn. */
function noteSpending(events: readonly Event[]): void {
  const { rows } = board.get().state;
  for (const { type, session_id } of events) {
    if (type === "usage") for (const one of [...poolsOf(rows, session_id), session_id]) spent.add(one);
  }
  if (spent.size > 0) spending ??= setTimeout(readSpent, SPENT_GATHER_MS);
}

function readSpent(): void {
  spending = undefined;
  const some = [...spent].slice(0, MOST_SPENT);
  for (const one of some) spent.delete(one);
  setBoard(markStale(board.get().state, some));
  noteSpending([]);
}

// ------------------------------------------------------------------ one session's log

export interface Log {
  sessionId: string;
  timeline: Timeline;
  /** How many events there are to read before the log is whole; 0 when it is. */
  missing: number;
  problem: Problem | null;
}

/** Events of a session that follow one on another, and what is read before them. */
export abstract class EventLog extends Store<Log> {
  protected reaching = false;
  protected closed = false;

  constructor(readonly sessionId: string, timeline: Timeline) {
    super({ sessionId, timeline, missing: 1, problem: null });
  }

  /** Lets go of nothing as long as somebody looks at what was before. */
  abstract readonly hold: (held: boolean) => void;

  /** Reads again what was before the first event that is there, and holds on to it. */
  readonly reachBack = async (): Promise<void> => {
    const { timeline } = this.get();
    if (this.reaching || this.closed || !hasEarlier(timeline)) return;
    this.hold(true);
    await this.reach(async () => {
      const from = Math.max(timeline.oldest, timeline.first - PAGES_AT_ONCE * PAGE);
      const { events, oldest } = await this.pages(from - 1, timeline.first - 1);
      this.set({ ...this.get(), timeline: prependTimeline(this.get().timeline, events, oldest), problem: null });
    });
  };

  /** One reading at a time; what is refused is shown above the log. */
  protected async reach(read: () => Promise<void>): Promise<void> {
    this.reaching = true;
    try {
      await read();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.set({ ...this.get(), problem: error });
    } finally {
      this.reaching = false;
    }
  }

  /** Some pages at once behind the event of this number, and the first that the coordinator still has. */
  protected async pages(after: number, until: number): Promise<{ events: Event[]; oldest: number }> {
    const starts = Array.from({ length: PAGES_AT_ONCE }, (_, index) => after + index * PAGE).filter((one) => one < until);
    const pages = await Promise.all(starts.map((one) => this.page(one)));
    return { events: pages.flatMap((page) => page.items) as unknown as Event[], oldest: Math.max(1, ...pages.map((page) => page.first_seq)) };
  }

  protected page(after: number) {
    return call("GET /sessions/{session_id}/events", { path: { session_id: this.sessionId }, query: { after, limit: PAGE } });
  }
}

export class SessionLog extends EventLog {
  private filling = false;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sessionId: string) {
    super(sessionId, EMPTY_TIMELINE);
  }

  /** Follows the stream and reads what was before; returns what ends it. */
  follow(): () => void {
    this.closed = false;
    const stop = connection.read((message) => {
      if (message.kind === "events") {
        const own = message.events.filter((event) => event.session_id === this.sessionId);
        if (own.length > 0) this.take(own);
      } else if (message.kind === "deltas") {
        const own = message.deltas.filter((delta) => delta.session_id === this.sessionId);
        if (own.length > 0) this.set({ ...this.get(), timeline: reduceDeltas(this.get().timeline, own) });
      } else void this.fill();
    });
    connection.open(this.sessionId);
    void this.fill();
    return () => {
      stop();
      connection.open();
      this.closed = true;
      clearTimeout(this.timer);
    };
  }

  /** Lets go of nothing as long as somebody looks at what was before. */
  readonly hold = (held: boolean): void => {
    const { timeline } = this.get();
    const next = holdTimeline(timeline, held);
    if (next !== timeline) this.set({ ...this.get(), timeline: next });
  };

  private take(events: readonly Event[], oldest?: number): void {
    const timeline = reduceTimeline(this.get().timeline, events, oldest);
    this.set({ ...this.get(), timeline });
    if (hasHole(timeline) && !this.filling) void this.fill();
  }

  /** Reads from the last event on until the log is whole, several pages at once. */
  private async fill(): Promise<void> {
    if (this.filling) {
      this.again = true;
      return;
    }
    this.filling = true;
    this.again = false;
    try {
      const session = await call("GET /sessions/{session_id}", { path: { session_id: this.sessionId } });
      let until = session.last_seq;
      while (!this.closed && this.get().timeline.last < until) {
        const from = this.get().timeline.last;
        const starts = Array.from({ length: PAGES_AT_ONCE }, (_, index) => from + index * PAGE).filter((one) => one < until);
        const pages = await Promise.all(starts.map((after) => this.page(after)));
        for (const page of pages) this.take(page.items as unknown as Event[], Math.max(page.first_seq, 1));
        const { timeline } = this.get();
        if (timeline.last === from) until = from; // forgotten meanwhile, or kept from us
        this.set({ ...this.get(), missing: Math.max(0, until - timeline.last), problem: null });
      }
      this.set({ ...this.get(), missing: 0, problem: null });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.set({ ...this.get(), problem: error });
      if (error.isTemporary && !this.closed) this.timer = setTimeout(() => void this.fill(), RETRY_MS);
    } finally {
      this.filling = false;
    }
    if ((this.again || hasHole(this.get().timeline)) && !this.closed) this.timer = setTimeout(() => void this.fill(), READ_AGAIN_MS);
  }

}

// ------------------------------------------------------------------ beginning

/** Begins once the person is logged in; returns what ends it. */
export function start(): () => void {
  const stop = connection.read((message) => {
    if (message.kind === "gap") void loadBoard();
    if (message.kind !== "events") return;
    if (board.get().phase === "there") setBoard(reduceBoard(board.get().state, message.events));
    noteSpending(message.events);
    for (const listener of eventListeners) listener(message.events);
  });
  // Read when the stream is open, so that nothing between the two is missed.
  const loaded = connection.watch(() => {
    if (connection.status.phase === "live" && board.get().phase !== "there") void loadBoard();
  });
  const nudge = () => document.visibilityState === "visible" && connection.nudge();
  window.addEventListener("online", connection.nudge);
  document.addEventListener("visibilitychange", nudge);
  connection.begin();
  if (connection.status.phase === "live") void loadBoard();
  return () => {
    stop();
    loaded();
    window.removeEventListener("online", connection.nudge);
    document.removeEventListener("visibilitychange", nudge);
    connection.close();
  };
}
