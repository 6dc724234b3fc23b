// Which queued messages somebody took back in this tab: their text is in the box again, and they are not shown besides.
import { Store } from "../live/stores";
import { keep } from "../parts/kept";

const PLACE = "callboard.taken-back";
const MOST = 200;

export const takenBack = new Store<readonly string[]>((sessionStorage.getItem(PLACE) ?? "").split(" ").filter(Boolean));

/** The run whose message it was will not be shown; to be called once it is stopped. */
export function noteTakenBack(runId: string): void {
  takenBack.set([...takenBack.get(), runId].slice(-MOST));
  keep(sessionStorage, PLACE, takenBack.get().join(" "));
}
