// Parts of the pages that are loaded when they are wanted: also while the coordinator is away for a moment, and after it was
// replaced by another version, which has them under other names.

const TRIES = 8;
const WAIT_MS = 700;
const RELOADED = "callboard.reloaded";
const AGAIN_AFTER_MS = 60_000;

/** The same load, tried again for about half a minute; what cannot be had at all is read anew with the whole page. */
export function patiently<T>(load: () => Promise<T>): () => Promise<T> {
  return async () => {
    for (let tries = 1; ; tries++) {
      try {
        return await load();
      } catch (error) {
        if (tries >= TRIES) {
          reload();
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tries));
      }
    }
  };
}

/** Not again at once: a page that is broken shall say so. */
function reload(): void {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < AGAIN_AFTER_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
}
