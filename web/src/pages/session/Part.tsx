// The way from a log that is followed to where a link leads that it does not reach, and back.
import { createContext, use } from "react";
import type { LogPart } from "../../live/part";
import { liesBefore, type Timeline } from "../../live/timeline";
import { Button } from "../../parts/Parts";
import css from "../../parts/Parts.module.css";

interface Reading {
  /** What is read now, apart from what happens; null while the log is followed. */
  part: LogPart | null;
  /** The number of the newest event that is known. */
  newest: number;
  read: (event: number, oldest: number) => void;
  leave: () => void;
}

export const ReadingContext = createContext<Reading>({ part: null, newest: 0, read: () => undefined, leave: () => undefined });

/** Whether what a link leads to is not in the log as it is here. */
export function isElsewhere(timeline: Timeline, event: number, part: LogPart | null): boolean {
  return liesBefore(timeline, event) || (part !== null && event > timeline.last);
}

export function Elsewhere({ timeline, event }: { timeline: Timeline; event: number }) {
  const { read } = use(ReadingContext);
  const number = event.toLocaleString("en");
  if (event < timeline.oldest) return <p className={css.earlier} role="status">Event {number}, to which the link leads, is not kept any more.</p>;
  return <p className={css.earlier} role="status">Event {number}, to which the link leads, is not among what is shown here. <Button look="quiet" onClick={() => read(event, timeline.oldest)}>Read there</Button></p>;
}

/** Below what is read apart: what came after it, and the way back. */
export function Later({ part, newest }: { part: LogPart; newest: number }) {
  const { leave } = use(ReadingContext);
  const { last } = part.get().timeline;
  return (
    <p className={css.earlier}>
      Read around event {part.event.toLocaleString("en")}, up to {last.toLocaleString("en")}.
      {last < newest && <Button look="quiet" onClick={() => void part.reachOn()}>Show later</Button>}
      <Button look="quiet" onClick={leave}>Back to what happens now</Button>
    </p>
  );
}
