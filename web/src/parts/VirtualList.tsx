// A list of any length of which only what is seen is there. It keeps its end in sight while that grows, until the person
// scrolls away; then it says how much is new, and what is put before what is seen does not move it.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { keep } from "./kept";
import css from "./VirtualList.module.css";

interface Props<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  children: (item: T, index: number) => ReactNode;
  /** What the list is, for who cannot see it. */
  label: string;
  /** The height of an item that was not measured yet, in pixels. */
  estimate?: number;
  /** Keeps the newest in sight. */
  follow?: boolean;
  /** With `follow`: the name under which a tab keeps where somebody read who had scrolled away, over a reload. */
  place?: string;
  /** Scrolls to the item of this key, when it changes. */
  showKey?: string | null;
  /** The person has scrolled away from the end, or is back there. */
  onAway?: (away: boolean) => void;
  /** The person is near the beginning. */
  onStart?: () => void;
  /** What is wider than the list is scrolled to, sideways. */
  sideways?: boolean;
}

const NEAR_END = 60;
const NEAR_START = 400;
/** How many of the last items are remembered when somebody scrolls away: one of them will still be there. */
const REMEMBERED = 5;
/** How many sizes are kept of items that are not there any more, before they are forgotten. */
const MOST_STALE = 1_000;
/** How long a place is looked for while a list is being read. */
const PLACE_MS = 5_000;

export function VirtualList<T>({ items, keyOf, children, label, estimate = 60, follow = false, place, showKey = null, onAway, onStart, sideways = false }: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const wanted = useRef(place && showKey === null ? sessionStorage.getItem(place) : null);
  const atEnd = useRef(follow && !wanted.current);
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [away, setAway] = useState(false);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimate,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : keyOf(item);
    },
    overscan: 6,
    // What is read stays where it is when something is put before it, or is taken away there.
    anchorTo: onStart && (away || showKey !== null) ? "end" : "start",
  });
  const size = virtual.getTotalSize();

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && follow && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [size, items.length, follow]);

  useEffect(() => {
    const index = wanted.current ? items.findIndex((item) => keyOf(item) === wanted.current) : -1;
    if (index < 0) return;
    wanted.current = null;
    virtual.scrollToIndex(index, { align: "start" });
    leave();
    // Once, when what was read is there again.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [items]);

  useEffect(() => {
    const index = showKey === null ? -1 : items.findIndex((item) => keyOf(item) === showKey);
    if (index < 0) return;
    atEnd.current = false;
    virtual.scrollToIndex(index, { align: "center" });
    // Only a new wish scrolls, not each new measure of the list.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [showKey]);

  useEffect(() => {
    if (virtual.itemSizeCache.size > items.length + MOST_STALE) forgetOthers(virtual.itemSizeCache, new Set(items.map(keyOf)));
  }, [virtual, items, keyOf]);

  useEffect(() => {
    if (wanted.current) onAway?.(true);
    // Where somebody read is looked for in all that is read.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    const giveUp = () => {
      if (!wanted.current) return;
      wanted.current = null;
      toEnd();
    };
    const timer = setTimeout(giveUp, PLACE_MS);
    return () => clearTimeout(timer);
    // Where somebody read may be forgotten by now; then the list begins at its end, as always.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    if (wanted.current) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    if (near !== atEnd.current) {
      atEnd.current = near;
      if (near) arrive();
      else leave();
    }
    if (element.scrollTop < NEAR_START && !near) onStart?.();
    if (place) keepPlace(place, near ? null : virtual.getVirtualItemForOffset(element.scrollTop)?.key);
  };

  const leave = () => {
    setAway(true);
    setSeen(new Set(items.slice(-REMEMBERED).map(keyOf)));
    onAway?.(true);
  };

  const arrive = () => {
    setAway(false);
    onAway?.(false);
  };

  const toEnd = () => {
    atEnd.current = true;
    arrive();
    virtual.scrollToIndex(items.length - 1, { align: "end" });
  };

  const newest = away ? items.findLastIndex((item) => seen.has(keyOf(item))) : -1;
  const fresh = newest < 0 ? 0 : items.length - 1 - newest;
  return (
    <div className={css.frame}>
      {/* A list that scrolls is reached by keyboard, too. */}
      <div ref={scroller} className={`${css.scroller} ${sideways ? css.sideways : ""}`} onScroll={onScroll} tabIndex={0} role="feed" aria-label={label} aria-busy={false}>
        <div className={css.all} style={{ height: size }}>
          {virtual.getVirtualItems().map((one) => {
            const item = items[one.index];
            if (item === undefined) return null;
            return (
              <div key={one.key} ref={virtual.measureElement} data-index={one.index} className={css.item} role="article"
                aria-posinset={one.index + 1} aria-setsize={items.length} style={{ transform: `translateY(${one.start}px)` }}>
                {children(item, one.index)}
              </div>
            );
          })}
        </div>
      </div>
      {follow && away && (
        <button type="button" className={css.pill} onClick={toEnd}>
          ↓ {fresh > 0 ? `${fresh} new` : "to the end"}
        </button>
      )}
    </div>
  );
}

function forgetOthers(sizes: Map<unknown, number>, there: ReadonlySet<unknown>): void {
  for (const key of sizes.keys()) if (!there.has(key)) sizes.delete(key);
}

function keepPlace(place: string, key: unknown): void {
  keep(sessionStorage, place, key === null || key === undefined ? null : String(key));
}
