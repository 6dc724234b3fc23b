// How much a timeline shows, and which types of events are listed, kept in the address. What only keeps the books, and
// what a process printed, is left out of a timeline at first.
import { holdsEvent, type Item, type Timeline } from "../../live/timeline";
import { inert } from "../../parts/inert";
import css from "./Filter.module.css";

const QUIET = new Set(["session_created", "session_updated", "session_bound", "run_queued", "run_claimed", "usage", "callback_waiting", "output"]);
const ALL = "all";
const HEADLINES = "headlines";

export function readTypes(text: string): ReadonlySet<string> | null {
  return text ? new Set(text.split(",")) : null;
}

/** What somebody reads who only wants to know how it went. */
function isHeadline(item: Item): boolean {
  return item.kind === "message" ? item.role === "user" : item.kind === "note" ? item.type === "lifecycle_changed" : item.kind !== "tool";
}

/** The items to show, with those that are being written at the end; that of the number `linked` in any case. */
export function shownItems(timeline: Timeline, wanted: ReadonlySet<string> | null, linked: number | null = null): readonly Item[] {
  const fits = (item: Item) => holdsEvent(item, linked) || (wanted === null ? !item.types.every((type) => QUIET.has(type))
    : wanted.has(ALL) || (wanted.has(HEADLINES) && isHeadline(item)));
  const partial = [...timeline.partial.values()];
  const items = timeline.items.filter(fits);
  return partial.length > 0 && !wanted?.has(HEADLINES) ? [...items, ...partial] : items;
}

interface Props {
  counts: Readonly<Record<string, number>>;
  wanted: ReadonlySet<string> | null;
  onChange: (types: string) => void;
  missing: number;
}

const total = (counts: Props["counts"]) => Object.values(counts).reduce((sum, one) => sum + one, 0);

/** How much of it a timeline shows: what was asked and came of it, the turns, or everything. */
export function Density({ counts, wanted, onChange, missing }: Props) {
  return (
    <div className={css.filter} role="group" aria-label="Density">
      <Chip on={wanted?.has(HEADLINES) ?? false} onClick={() => onChange(HEADLINES)}>Headlines</Chip>
      <Chip on={wanted === null} onClick={() => onChange("")}>Turns</Chip>
      <Chip on={wanted?.has(ALL) ?? false} onClick={() => onChange(ALL)}>Everything <b>{total(counts)}</b></Chip>
      <Missing missing={missing} />
    </div>
  );
}

/** Which types of events are listed. */
export function TypeFilter({ counts, wanted, onChange, missing }: Props) {
  const toggle = (type: string) => {
    const next = new Set(wanted);
    if (!next.delete(type)) next.add(type);
    onChange([...next].sort().join(","));
  };
  return (
    <div className={css.filter} role="group" aria-label="Event types">
      <Chip on={wanted === null} onClick={() => onChange("")}>All <b>{total(counts)}</b></Chip>
      {Object.keys(counts).sort().map((type) => (
        <Chip key={type} on={wanted?.has(type) ?? false} onClick={() => toggle(type)}>{inert(type)} <b>{counts[type]}</b></Chip>
      ))}
      <Missing missing={missing} />
    </div>
  );
}

function Missing({ missing }: { missing: number }) {
  return missing > 0 ? <span className={css.missing} role="status">{missing} to read …</span> : null;
}

function Chip({ on, onClick, children }: { on: boolean; onClick: () => void; children: React.ReactNode }) {
  return <button type="button" className={css.chip} aria-pressed={on} onClick={onClick}>{children}</button>;
}
