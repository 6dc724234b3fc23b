// What a session's log was around one event, apart from what happens now: for a link that leads further back than a page
// reaches. Read forward and backward by hand, as much as a timeline holds; knows no stream.
import { EventLog } from "./stores";
import { partFrom, reduceTimeline } from "./timeline";

/** How many events are read before the one that is looked for. */
const BEFORE = 300;

export class LogPart extends EventLog {
  constructor(sessionId: string, readonly event: number, oldest: number) {
    super(sessionId, partFrom(Math.max(oldest, event - BEFORE), oldest));
    void this.reachOn();
  }

  /** It is held from the beginning: nothing comes by itself. */
  readonly hold = (): void => undefined;

  /** Reads what came after the last event that is there. */
  readonly reachOn = async (): Promise<void> => {
    if (this.reaching) return;
    await this.reach(async () => {
      const { events, oldest } = await this.pages(this.get().timeline.last, Infinity);
      this.set({ ...this.get(), timeline: reduceTimeline(this.get().timeline, events, oldest), missing: 0, problem: null });
    });
  };
}
