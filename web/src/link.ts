// What stands in a login link. Pure.

interface Given {
  code: string | null;
  next: string;
}

/** The code and the way on, out of the hash, which no browser sends anywhere; a way that leads elsewhere is not taken. */
export function readLink(hash: string): Given {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const next = given.get("next") ?? "";
  return { code: given.get("code"), next: /^\/(ui|chat)\/(?!\/)[^\\]*$/.test(next) ? next : "/ui/" };
}
