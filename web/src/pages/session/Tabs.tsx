// The views of a session, each an address of its own. The event that is marked stays marked in another view of the log.
import { useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { Session } from "../../api/schema";
import { useKeys } from "../../keyboard/registry";
import { go, Link, useQueryParameter } from "../../navigation";
import css from "./Tabs.module.css";

export type View = "timeline" | "changes" | "logs" | "events" | "config" | "guidance";

const WORDS: Record<View, string> = { timeline: "Timeline", changes: "Changes", logs: "Logs", events: "Events", config: "Config", guidance: "Guidance" };
const OF_THE_LOG = new Set<View>(["timeline", "logs", "events"]);
const DENSITIES = new Set(["", "headlines", "all"]);

/** Which view an address means; before there were events by themselves, their types were chosen on the timeline. */
export function viewOf(view: string, types: string, session: Session): View {
  if (view === "" && !DENSITIES.has(types)) return "events";
  return view in WORDS && (view !== "guidance" || session.lifecycle !== null) ? (view as View) : "timeline";
}

export function Tabs({ session, shown }: { session: Session; shown: View }) {
  const [event] = useQueryParameter("event");
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // Not as the effect's value: newer browsers return a promise here.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [shown]);
  const isWork = session.lifecycle !== null;
  const views = useMemo(() => (Object.keys(WORDS) as View[]).filter((view) => view !== "guidance" || isWork), [isWork]);
  useKeys(useMemo(() => views.map((view) => (
    { keys: "", does: `Show its ${WORDS[view].toLowerCase()}`, where: "Session", run: () => go(`/sessions/${session.session_id}${view === "timeline" ? "" : `?view=${view}`}`) }
  )), [session.session_id, views]));
  const address = (view: View) => {
    const query = new URLSearchParams({ ...(view === "timeline" ? {} : { view }), ...(event && OF_THE_LOG.has(view) ? { event } : {}) }).toString();
    return `/sessions/${session.session_id}${query ? `?${query}` : ""}`;
  };
  return (
    <nav ref={bar} className={css.tabs} aria-label="Views of the session" onKeyDown={walk}>
      <Link to={`/chat/${session.session_id}`}>Conversation</Link>
      {views.map((view) => <Link key={view} to={address(view)} aria-current={view === shown ? "page" : undefined}>{WORDS[view]}</Link>)}
    </nav>
  );
}

/** The arrows go from one to the next, Home and End to the first and last. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const all = [...event.currentTarget.querySelectorAll("a")];
  const at = all.indexOf(document.activeElement as HTMLAnchorElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  all[to % all.length]?.focus();
}
