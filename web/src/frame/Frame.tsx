// The frame around every page: navigation, the state of the stream, theme, keys, and the count in the tab's title.
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { call } from "../api/client";
import { useKeys, overlay, palette, type Key } from "../keyboard/registry";
import { Overlay } from "../keyboard/Overlay";
import { useFresh } from "../live/fresh";
import { leave } from "../live/person";
import { board, connection, useConnection, useStore } from "../live/stores";
import type { Event } from "../live/types";
import { go, Link, usePath } from "../navigation";
import { Notices } from "../parts/actions";
import { minuteOfDay } from "../parts/format";
import { Loading } from "../parts/Parts";
import { shownName } from "../parts/title";
import { patiently } from "../patiently";
import { findRoute, ROUTES } from "../routes";
import { nextTheme, theme } from "../theme/theme";
import { Boundary } from "./Boundary";
import css from "./Frame.module.css";

const Palette = lazy(patiently(() => import("../keyboard/Palette")));
const AFTERWARDS_MS = 2_000;
const THEMES = { system: { icon: "◐", word: "System" }, light: { icon: "○", word: "Light" }, dark: { icon: "●", word: "Dark" } };

export function Frame() {
  const path = usePath();
  const found = useMemo(() => findRoute(path), [path]);
  const needs = useStore(board).state.totals.needs_you;
  const asked = useApprovals();
  const shade = THEMES[useStore(theme)];
  const name = useStore(shownName);
  useTitle(`${name ? `${name} · ` : ""}${found?.route.title ?? "Not found"}`, needs);
  useKeys(GLOBAL_KEYS);
  useEffect(() => {
    // Who presses Ctrl+K types on at once: it is there by then, and nothing waited for it.
    const timer = setTimeout(() => {
      if (connection.status.phase === "live") void import("../keyboard/Palette").catch(() => {});
    }, AFTERWARDS_MS);
    return () => clearTimeout(timer);
  }, []);
  const nav = useRef<HTMLElement>(null);
  const more = useMore(nav);
  useEffect(() => {
    // Not as the effect's value: newer browsers return a promise here.
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [path, needs > 0, asked !== null]);
  const Page = found?.route.page;
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#content">To the content</a>
      <header className={css.bar}>
        <Link to="/" className={css.brand} aria-label="Callboard, home"><span aria-hidden="true">▦</span> Callboard</Link>
        <div className={css.pages} data-more={more}>
        <nav ref={nav} aria-label="Pages" className={css.nav}>
          {ROUTES.filter((route) => route.nav).map((route) => (
            <Link key={route.path} to={route.path} aria-current={found && isWithin(found.route.path, route.path) ? "page" : undefined}>
              <span aria-hidden="true">{route.nav?.icon}</span> {route.nav?.word}
              {route.path === "/" && needs > 0 && <span className={css.badge}>{needs}<span className="unseen"> need you</span></span>}
              {route.path === "/approvals" && asked && <span className={css.badge}>{asked}<span className="unseen"> wait for a decision</span></span>}
            </Link>
          ))}
        </nav>
        </div>
        <div className={css.tools}>
          <ConnectionState />
          <button type="button" onClick={() => palette.set(true)} aria-label="Go to, or do" title="Go to, or do (Ctrl+K)">⌕</button>
          <button type="button" onClick={() => overlay.set(true)} aria-label="Keyboard" title="Keyboard (?)" className={css.keys}>?</button>
          <button type="button" onClick={nextTheme} title="Theme" aria-label={`Theme: ${shade.word}`}><span aria-hidden="true">{shade.icon}</span> <span className={css.wideOnly}>{shade.word}</span></button>
          <button type="button" onClick={() => void logOut()} title="Log this browser out">Log out</button>
        </div>
      </header>
      <main id="content" tabIndex={-1} className={css.content}>
        <Boundary key={path}>
          <Suspense fallback={<Loading what="the page" />}>
            {Page && found ? <Page parameters={found.parameters} /> : <NotFound />}
          </Suspense>
        </Boundary>
      </main>
      <Overlay />
      {useStore(palette) && <Suspense fallback={null}><Palette /></Suspense>}
      <Notices />
    </div>
  );
}

/** On which sides of what scrolls sideways there is more: "", "left", "right", "left right". */
function useMore(scrolled: React.RefObject<HTMLElement | null>): string {
  const [more, setMore] = useState("");
  useEffect(() => {
    const element = scrolled.current;
    if (!element) return;
    const look = () => {
      const { scrollLeft, scrollWidth, clientWidth } = element;
      setMore([scrollLeft > 1 && "left", scrollLeft + clientWidth < scrollWidth - 1 && "right"].filter(Boolean).join(" "));
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    for (const one of element.children) sizes.observe(one);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [scrolled]);
  return more;
}

function isWithin(path: string, above: string): boolean {
  return path === above || (above !== "/" && path.startsWith(`${above}/`));
}

const GLOBAL_KEYS: readonly Key[] = [
  { keys: "Ctrl+K", does: "Go to, or do anything, by name", where: "Everywhere", run: () => palette.set(!palette.get()) },
  { keys: "?", does: "Show or hide the keys", where: "Everywhere", run: () => overlay.set(!overlay.get()) },
  { keys: "", does: "Change between dark, light and the system's", where: "Everywhere", run: nextTheme },
  { keys: "", does: "Log this browser out", where: "Everywhere", run: () => void logOut() },
  ...ROUTES.flatMap((route) =>
    route.nav ? [{ keys: route.nav.keys, does: route.nav.word, where: "Go to", run: () => go(route.path) }] : [],
  ),
];

function NotFound() {
  return (
    <div className={css.notFound}>
      <h1>There is nothing here</h1>
      <p>The address leads to no page. <Link to="/">To the callboard</Link></p>
    </div>
  );
}

async function logOut(): Promise<void> {
  try {
    await call("POST /logout");
  } finally {
    leave(); // what was not saved may hold a secret, and the next login may be somebody else's
    location.assign("/ui/login");
  }
}

const MOST_ASKED = 50;
const CHANGES_APPROVALS = (event: Event) => event.type.startsWith("approval_");

/** How many requests for permission wait, as a word; null for none. */
function useApprovals(): string | null {
  const { phase } = useConnection();
  useFresh(["approvals", "count"], CHANGES_APPROVALS);
  const found = useQuery({
    queryKey: ["approvals", "count"],
    queryFn: () => call("GET /approvals", { query: { status: "pending", limit: MOST_ASKED } }),
    enabled: phase === "live",
  });
  const count = found.data?.items.length ?? 0;
  return count === 0 ? null : `${count}${found.data?.next_page ? "+" : ""}`;
}

/** A blink of the network is no news. */
const BLINK_MS = 3_000;

function ConnectionState() {
  const { phase, since } = useConnection();
  const [been, setBeen] = useState(false);
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (phase === "live") return setBeen(true);
    const timer = setTimeout(() => setLong(true), Math.max(0, since + BLINK_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [phase, since]);
  const away = phase !== "live" && long;
  const words = phase === "live" ? "Live" : away ? `Offline since ${minuteOfDay(new Date(since).toISOString())}` : been ? "Reconnecting" : "Connecting";
  return (
    <span className={`${css.connection} ${phase === "live" ? css.live : away ? css.off : ""}`} role="status"
      title={phase === "live" ? "What happens is shown as it happens." : "The coordinator does not answer; this page goes on by itself."}>
      <span aria-hidden="true">{phase === "live" ? "●" : "○"}</span> {words}
    </span>
  );
}

/** Title and icon tell the number of sessions that need somebody, also of a tab in the background. */
function useTitle(title: string, needs: number): void {
  useEffect(() => {
    document.title = `${needs > 0 ? `(${needs}) ` : ""}${title} · Callboard`;
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (icon) icon.href = iconOf(needs);
  }, [title, needs]);
}

function iconOf(needs: number): string {
  const badge = needs > 0
    ? `<circle cx="22" cy="22" r="10" fill="#d9480f"/><text x="22" y="26.5" font-size="13" font-family="sans-serif" font-weight="700" text-anchor="middle" fill="#fff">${needs > 9 ? "9+" : needs}</text>`
    : "";
  const tiles = '<rect x="2" y="2" width="28" height="28" rx="6" fill="#1a5fb4"/><path d="M8 10h16M8 16h16M8 22h10" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>';
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${tiles}${badge}</svg>`)}`;
}
