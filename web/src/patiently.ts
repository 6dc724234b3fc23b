// Parts of the pages that are loaded when they are wanted: also while the coordinator is away for a moment, and after it was
// replaced by another version, which has them under other names.

const WAIT_MS = 700;
const RELOADED = "callboard.reloaded";
const AGAIN_AFTER_MS = 60_000;

/** The same load; once the coordinator answers again, the whole page is read anew: browsers remember what failed. */
export function patiently<T>(load: () => Promise<T>): () => Promise<T> {
  return async () => {
    try {
      return await load();
    } catch (error) {
      await answers();
      try {
        return await load();
      } catch {
        if (!reload()) throw error;
        return new Promise<T>(() => {});
      }
    }
  };
}

async function answers(): Promise<void> {
  for (;;) {
    try {
      if ((await fetch("/healthz", { cache: "no-store" })).ok) return;
    } catch {
      // It is still away.
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}

/** Not again at once: a page that is broken shall say so. */
function reload(): boolean {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < AGAIN_AFTER_MS) return false;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
  return true;
}
