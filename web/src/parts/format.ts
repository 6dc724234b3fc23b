// Figures and times as people read them. Pure.
import type { UsageTotal } from "../api/schema";
import { inert } from "./inert";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span of time, short: 42s, 3m, 2h 5m, 4d. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < DAY) {
    const minutes = Math.floor((seconds % HOUR) / MINUTE);
    return `${Math.floor(seconds / HOUR)}h${minutes ? ` ${minutes}m` : ""}`;
  }
  return `${Math.floor(seconds / DAY)}d`;
}

/** How long until a moment: in 4m, or now. */
export function until(milliseconds: number): string {
  return milliseconds < 1000 ? "now" : `in ${span(milliseconds)}`;
}

/** The duration of a call: 12 ms, 3.4 s, 2m. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : span(milliseconds);
}

/** Money: an unknown price is –, never nothing; ~ says that it is our own table's. */
export function money(usage: UsageTotal): string {
  const cost = usage.cost_microdollars;
  if (cost === null) return "–";
  const dollars = cost / 1_000_000;
  const text = dollars === 0 ? "$0" : dollars < 0.01 ? "<$0.01" : `$${dollars.toFixed(dollars < 100 ? 2 : 0)}`;
  return `${usage.estimated ? "~" : ""}${text}${usage.unpriced ? "+" : ""}`;
}

export function moneyInWords(usage: UsageTotal): string {
  if (usage.cost_microdollars === null) return "The price is not known.";
  const parts = [`$${(usage.cost_microdollars / 1_000_000).toFixed(6)}`];
  if (usage.estimated) parts.push("estimated at list price");
  if (usage.unpriced) parts.push("some of it has no known price");
  return parts.join(", ");
}

/** A number of tokens: 950, 12.3k, 4.5M. */
export function count(number: number): string {
  if (number < 1000) return String(number);
  return number < 1_000_000 ? `${trim(number / 1000)}k` : `${trim(number / 1_000_000)}M`;
}

function trim(number: number): string {
  return number < 100 ? number.toFixed(1).replace(/\.0$/, "") : String(Math.round(number));
}

export function tokens(usage: UsageTotal): number {
  return usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_creation_tokens;
}

/** A size in bytes of UTF-16 text, roughly: for "how much is folded away". */
export function size(text: string): string {
  const bytes = new Blob([text]).size;
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

const CUT = /…\[cut (\d{1,12}) characters\]$/;

/** How many characters are there of how many, of a text that was cut before it came into the log; else null. */
export function cutOf(text: string): { kept: number; whole: number } | null {
  const found = CUT.exec(text);
  return found ? { kept: found.index, whole: found.index + Number(found[1]) } : null;
}

/** What a button says that unfolds a text. */
export function unfolding(text: string): string {
  return cutOf(text) ? `Show the ${size(text)} that were kept` : `Show all ${size(text)}`;
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The moment in the person's own time zone, whole. */
export function moment(at: string): string {
  return exact.format(new Date(at));
}

export function timeOfDay(at: string): string {
  return clock.format(new Date(at));
}

/** Where a second is long: to the millisecond. */
export function instantOfDay(at: string): string {
  return `${timeOfDay(at)}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;
}

/** Where seconds are of no use. */
export function minuteOfDay(at: string): string {
  return timeOfDay(at).replace(/[.:]\d\d$/, "");
}

/** The end of an id, by which people name it. */
export function short(id: string): string {
  return id.slice(-6);
}

/** A sentence for people: ids in it by their ends. */
export function withShortIds(sentence: string): string {
  return sentence.replace(/\b(run|ses|tok|apr|rnr)_[0-9a-z]{16,26}\b/g, (id, kind: string) => `${KINDS[kind] ?? kind} …${short(id)}`);
}

const KINDS: Record<string, string> = { ses: "session", tok: "token", apr: "request", rnr: "runner" };

/** What a session is called: its title, else its agent, else the end of its id. */
export function nameOf(session: { title: string | null; agent_name: string | null; session_id: string }): string {
  return inert(session.title || session.agent_name || `…${short(session.session_id)}`);
}

/** The numbers of a session's issues that its title does not tell already. */
export function issuesBesideTitle(session: { title: string | null; issues: Record<string, unknown>[] }): string[] {
  const numbers = session.issues.map((issue) => `#${String(issue.number)}`);
  const told = (session.title ?? "").split(/[\s,]+/);
  return numbers.filter((number) => !told.includes(number));
}

/** What a pull request is called: by its number, where its address ends with one. */
export function nameOfRequest(url: string): string {
  const number = /\/(\d+)\/?$/.exec(url)?.[1];
  return number ? `PR #${number}` : "Pull request";
}

/** Why work on issues does not go on, in the words of whoever or whatever halted it; null where it goes on. */
export function reasonOfWork(session: { lifecycle: string | null; work: { stuck_reason: string | null; ended_reason: string | null } | null }): string | null {
  const told = session.work?.ended_reason ?? (session.lifecycle === "stuck" ? session.work?.stuck_reason : null);
  return told ? `${session.lifecycle === "cancelled" ? "Cancelled: " : ""}${withShortIds(inert(told))}` : null;
}
