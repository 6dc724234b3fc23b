// A session's log as a list that is followed: where a link leads to, what lies further back, and how much is new. Knows
// nothing of what an entry looks like.
import { use, useEffect, type ReactNode } from "react";
import { useStore, type EventLog } from "../../live/stores";
import { holdsEvent } from "../../live/timeline";
import { Earlier } from "../../parts/Earlier";
import { Loading, Trouble } from "../../parts/Parts";
import { VirtualList } from "../../parts/VirtualList";
import css from "./Feed.module.css";
import { Elsewhere, isElsewhere, Later, ReadingContext } from "./Part";

interface Entry {
  key: string;
  seq: number;
  /** The number of its last event, where that is another one. */
  until?: number;
}

interface Props<T extends Entry> {
  log: EventLog;
  items: readonly T[];
  label: string;
  /** The number of the event that a link leads to, or nothing. */
  event: string;
  /** The name under which a tab keeps where somebody read. */
  place: string;
  /** What stands there while there is nothing to show. */
  empty: ReactNode;
  estimate: number;
  sideways?: boolean;
  children: (item: T) => ReactNode;
}

const LONGEST_NUMBER = 20;

export function Feed<T extends Entry>({ log, items, label, event, place, empty, estimate, sideways = false, children }: Props<T>) {
  const { timeline, missing, problem, sessionId } = useStore(log);
  const { part, newest } = use(ReadingContext);
  const number = Number(event);
  const isNone = event !== "" && missing === 0 && !(Number.isInteger(number) && number >= 1 && number <= Math.max(timeline.last, newest));
  const elsewhere = missing === 0 && !isNone && isElsewhere(timeline, number, part);
  const linked = event && missing === 0 && !elsewhere ? items.find((item) => holdsEvent(item, number)) ?? items.find((item) => item.seq >= number) : undefined;
  useEffect(() => {
    // What a link leads to may lie far back.
    if (event) log.hold(true);
  }, [event, log]);
  const inOrder = timeline.items.length > 0 || missing === 0;
  return (
    <>
      {problem && <Trouble problem={problem} />}
      {elsewhere && <Elsewhere timeline={timeline} event={Number(event)} />}
      {isNone && <p role="status" className={css.none}>There is no event {event.slice(0, LONGEST_NUMBER)} here.</p>}
      <Earlier timeline={timeline} sessionId={sessionId} onReach={() => void log.reachBack()} />
      {!inOrder ? <Loading what="the log" /> : items.length === 0 ? <div className={css.nothing}>{empty}</div> : (
        <VirtualList key={part ? part.event : "now"} items={items} keyOf={keyOf} label={label} follow={!event} estimate={estimate} sideways={sideways} {...(event ? {} : { place: `callboard.place.${place}` })}
          showKey={linked?.key ?? null} onAway={(away) => log.hold(away || event !== "")} onStart={() => void log.reachBack()}>
          {children}
        </VirtualList>
      )}
      {part && missing === 0 && <Later part={part} newest={newest} />}
    </>
  );
}

function keyOf(item: Entry): string {
  return item.key;
}
