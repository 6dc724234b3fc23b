// The address bar as a value: links without a reload, back and forward, and filters that live in the query.
import { useCallback, useMemo, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";
import { BASE } from "./routes";

/** What the browser keeps with a place of its history. */
interface Place {
  scrolled?: number;
  /** It lies over the place before it: closing it is the way back. */
  over?: boolean;
}

const watchers = new Set<() => void>();
function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Goes to a path below the base; with `replace` the present place is not kept for the way back, with `over` it is below. */
export function go(to: string, { replace = false, over = false } = {}): void {
  const url = BASE + to;
  if (url === location.pathname + location.search + location.hash) return;
  const elsewhere = new URL(url, location.href).pathname !== location.pathname;
  if (replace) {
    history.replaceState(history.state, "", url);
  } else {
    // Where somebody had scrolled to is kept with the place, for the way back.
    history.replaceState({ ...(history.state as Place | null), scrolled: content()?.scrollTop ?? 0 }, "");
    history.pushState(over ? ({ over } satisfies Place) : null, "", url);
  }
  for (const watcher of watchers) watcher();
  if (elsewhere && !replace) scroll(0, 1);
}

const FRAMES = 30;
const content = () => document.getElementById("content");

/** Scrolls the page to a place, as soon as there is enough of it. */
function scroll(to: number, frames = FRAMES): void {
  requestAnimationFrame(() => {
    const element = content();
    if (!element) return;
    element.scrollTop = to;
    if (Math.abs(element.scrollTop - to) > 1 && frames > 1) scroll(to, frames - 1);
  });
}

let closing = false;

window.addEventListener("popstate", (event) => {
  closing = false;
  for (const watcher of watchers) watcher();
  scroll((event.state as Place | null)?.scrolled ?? 0);
});

export function usePath(): string {
  return useSyncExternalStore(watch, () => location.pathname.slice(BASE.length) || "/");
}

/** One parameter of the query, kept in the address so that every view is a link. */
export function useQueryParameter(name: string, fallback = ""): [string, (value: string) => void] {
  const search = useSyncExternalStore(watch, () => location.search);
  const value = useMemo(() => new URLSearchParams(search).get(name) ?? fallback, [search, name, fallback]);
  const set = useCallback((next: string) => {
    const wanted = new URLSearchParams(location.search);
    if (next === "" || next === fallback) wanted.delete(name);
    else wanted.set(name, next);
    const text = wanted.toString();
    go(location.pathname.slice(BASE.length) + (text ? `?${text}` : ""), { replace: true });
  }, [name, fallback]);
  return [value, set];
}

/** The same for a dialog, which is open while it has a value: opening is a step, which closing and the way back undo. */
export function useDialogParameter(name: string): [string, (value: string) => void] {
  const [value, replace] = useQueryParameter(name);
  const set = useCallback((next: string) => {
    // A dialog tells more than once that it is closed.
    if (closing) return;
    const wanted = new URLSearchParams(location.search);
    const isOpen = wanted.has(name);
    if (next !== "" && !isOpen) {
      wanted.set(name, next);
      go(`${location.pathname.slice(BASE.length)}?${wanted.toString()}`, { over: true });
    } else if (next === "" && isOpen && (history.state as Place | null)?.over) {
      closing = true;
      history.back();
    } else replace(next);
  }, [name, replace]);
  return [value, set];
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string;
}

/** A link to a page of ours: a real one, so that it opens in a new tab as any other. */
export function Link({ to, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a {...rest} href={BASE + to} onClick={follow} />;
}
