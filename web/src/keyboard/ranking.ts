// Which of many entries somebody means by a few letters: those that begin with them before those that hold them. Pure.

export interface Named {
  name: string;
  /** What else it is found by. */
  detail: string;
}

/** The entries in which every word is found, the nearest first; among equals the order stays. */
export function ranked<T extends Named>(entries: readonly T[], text: string, most: number): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found: { entry: T; distance: number }[] = [];
  for (const entry of entries) {
    const distances = words.map((word) => distanceOf(entry, word));
    if (distances.every((one) => one !== null)) found.push({ entry, distance: distances.reduce<number>((sum, one) => sum + (one ?? 0), 0) });
  }
  return found.sort((one, other) => one.distance - other.distance).slice(0, most).map((one) => one.entry);
}

function distanceOf(entry: Named, word: string): number | null {
  const name = entry.name.toLowerCase();
  if (name.startsWith(word)) return 0;
  if (name.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word))) return 1;
  if (name.includes(word)) return 2;
  return entry.detail.toLowerCase().includes(word) ? 3 : null;
}
