// The frame around every page: navigation, the state of the stream, theme, keys, and the count in the tab's title.
import { Suspense, useEffect, useMemo, useRef, useState } from "react";
import { call } from "../api/client";
import { useKeys, overlay, type Key } from "../keyboard/registry";
import { Overlay } from "../keyboard/Overlay";
import { board, useConnection, useStore } from "../live/stores";
import { go, Link, usePath } from "../navigation";
import { Notices } from "../parts/actions";
import { span } from "../parts/format";
import { Loading } from "../parts/Parts";
import { findRoute, ROUTES } from "../routes";
import { nextTheme, theme } from "../theme/theme";
import { Boundary } from "./Boundary";
import css from "./Frame.module.css";

const THEME_WORDS = { system: "◐ System", light: "○ Light", dark: "● Dark" };

export function Frame() {
  const path = usePath();
  const found = useMemo(() => findRoute(path), [path]);
  const needs = useStore(board).state.totals.needs_you;
  useTitle(found?.route.title ?? "Not found", needs);
  useKeys(GLOBAL_KEYS);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // Not as the effect's value: newer browsers return a promise here.
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [path]);
  const Page = found?.route.page;
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#content">To the content</a>
      <header className={css.bar}>
        <Link to="/" className={css.brand} aria-label="Callboard, home"><span aria-hidden="true">▦</span> Callboard</Link>
        <nav ref={nav} aria-label="Pages" className={css.nav}>
          {ROUTES.filter((route) => route.nav).map((route) => (
            <Link key={route.path} to={route.path} aria-current={found && isWithin(found.route.path, route.path) ? "page" : undefined}>
              <span aria-hidden="true">{route.nav?.icon}</span> {route.nav?.word}
              {route.path === "/" && needs > 0 && <span className={css.badge}>{needs}<span className="unseen"> need you</span></span>}
            </Link>
          ))}
        </nav>
        <div className={css.tools}>
          <ConnectionState />
          <button type="button" onClick={() => overlay.set(true)} aria-label="Keyboard" title="Keyboard (?)" className={css.keys}>?</button>
          <button type="button" onClick={nextTheme} title="Theme">{THEME_WORDS[useStore(theme)]}</button>
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
      <Notices />
    </div>
  );
}

function isWithin(path: string, above: string): boolean {
  return path === above || (above !== "/" && path.startsWith(`${above}/`));
}

const GLOBAL_KEYS: readonly Key[] = [
  { keys: "?", does: "Show or hide the keys", where: "Everywhere", run: () => overlay.set(!overlay.get()) },
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
    location.assign("/ui/login");
  }
}

function ConnectionState() {
  const { phase, since } = useConnection();
  const [, tick] = useState(0);
  useEffect(() => {
    if (phase === "live") return;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [phase]);
  const away = Date.now() - since;
  const words = phase === "live" ? "Live" : away < 2000 ? "Connecting" : `Offline ${span(away)}`;
  return (
    <span className={`${css.connection} ${phase === "live" ? css.live : away < 2000 ? "" : css.off}`} role="status"
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
