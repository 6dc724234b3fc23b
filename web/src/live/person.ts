// Who is logged in, as the coordinator says by the token that let this browser in; and what of a browser's memory is theirs.
// Two people may use one browser, one after the other: neither is shown, nor says, what the other one wrote.
import { keep } from "../parts/kept";
import { Store } from "./stores";

const PLACE = "callboard.person";
/** Between asking for a login and knowing whose it is: nobody writes meanwhile. */
const CHANGING = "changing";
/** Messages that are not sent yet; each says by its `by` who wrote it. */
export const UNSENT = "callboard.outbox.";

export const person = new Store<string | null>(null);

/** Somebody is logged in: what another one has left unsaved in this tab goes. */
export function arrive(who: string): void {
  if (sessionStorage.getItem(PLACE) !== who) sessionStorage.clear();
  keep(sessionStorage, PLACE, who);
  keep(localStorage, PLACE, who);
  person.set(who);
}

/** A login is about to change; returns what says that it did not. */
export function changing(): () => void {
  const before = localStorage.getItem(PLACE);
  keep(localStorage, PLACE, CHANGING);
  return () => keep(localStorage, PLACE, before === CHANGING ? null : before);
}

/** The login has ended, and nobody is there until somebody logs in. */
export function depart(): void {
  person.set(null);
}

/** Whether what they write goes out under their name: another tab may have logged in somebody else. */
export function isStill(who: string): boolean {
  return person.get() === who && (localStorage.getItem(PLACE) ?? who) === who;
}

/** Who logs out leaves nothing behind that was not saved or sent. */
export function leave(): void {
  sessionStorage.clear();
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(UNSENT) && localStorage.getItem(name)?.includes(`"by":${JSON.stringify(person.get())}`)) localStorage.removeItem(name);
  }
}

// Whatever this tab shows is another one's as soon as somebody else logs in beside it; who is out comes in with them.
window.addEventListener("storage", (event) => {
  if (event.key !== PLACE || event.newValue === null || event.newValue === CHANGING) return;
  if (event.newValue !== person.get()) location.reload();
});
