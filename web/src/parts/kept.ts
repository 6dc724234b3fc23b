// What a browser keeps for us. It may be full: then what is typed is not kept over a reload, and everything else works.

export function keep(where: Storage, name: string, value: string | null): void {
  try {
    if (value === null) where.removeItem(name);
    else where.setItem(name, value);
  } catch {
    // An older value would be wrong by now.
    where.removeItem(name);
  }
}
