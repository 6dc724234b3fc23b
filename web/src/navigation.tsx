// The address bar as a value: links without a reload, back and forward, and filters that live in the query.
import { useCallback, useMemo, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";
import { BASE } from "./routes";

const watchers = new Set<() => void>();
function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  window.addEventListener("popstate", watcher);
  return () => {
    watchers.delete(watcher);
    window.removeEventListener("popstate", watcher);
  };
}

/** Goes to a path below the base; with `replace` the present place is not kept for the way back. */
export function go(to: string, { replace = false } = {}): void {
  const url = BASE + to;
  if (url === location.pathname + location.search + location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  for (const watcher of watchers) watcher();
}

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
