// The coordinator's time. The browser's own clock may be hours off: it only tells how much time has passed.

let offset = 0;
let heard = false;

/** The time now by the coordinator's clock, in Unix milliseconds. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Takes an RFC 3339 time, or the Date header of an answer, which is cut to seconds. */
export function hearServerTime(text: string | null, exact = false): void {
  const at = text === null ? Number.NaN : Date.parse(text);
  if (Number.isNaN(at)) return;
  const found = at + (exact ? 0 : 500) - Date.now();
  // A cut second says nothing against a clock that is right within it; a browser's clock that was set does.
  if (exact || !heard || Math.abs(found - offset) > 1500) offset = found;
  heard = true;
}
