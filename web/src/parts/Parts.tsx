// Small parts that every page uses: state, age, money, ids, buttons, problems. They know no page and ask for nothing.
import { useCallback, useEffect, useId, useRef, useState, useSyncExternalStore, type ButtonHTMLAttributes, type ReactNode } from "react";
import type { UsageTotal } from "../api/schema";
import { Problem } from "../api/client";
import { serverNow } from "../live/clock";
import * as format from "./format";
import { inert } from "./inert";
import { Help, Said } from "./Said";
import { lookOf, type Look } from "./states";
import css from "./Parts.module.css";

/** Icon and word, never colour alone. */
export function State({ look, bare = false }: { look: Look; bare?: boolean }) {
  return (
    <span className={`${css.state} ${css[look.tone]} ${bare ? css.bare : ""}`}>
      <span aria-hidden="true" className={css.icon}>{look.icon}</span>
      {look.word}
    </span>
  );
}

export function SessionState({ session }: { session: Parameters<typeof lookOf>[0] }) {
  return <State look={lookOf(session)} />;
}

// One clock ticks for all ages of a page, and only those are drawn again whose words have changed.
const tickers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;
function onTick(ticker: () => void): () => void {
  tickers.add(ticker);
  ticking ??= setInterval(() => tickers.forEach((one) => one()), 1000);
  return () => {
    tickers.delete(ticker);
    if (tickers.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

/** How long ago a moment of the coordinator's clock is, or with `ahead` how long until then; the moment as a title. */
export function Age({ at, before = "", after = "", ahead = false }: { at: string; before?: string; after?: string; ahead?: boolean }) {
  const text = useSyncExternalStore(onTick, () => (ahead ? format.until(Date.parse(at) - serverNow()) : format.span(serverNow() - Date.parse(at))));
  return <time dateTime={at} title={format.moment(at)}>{before}{text}{after}</time>;
}

/** How long something took, or takes until now. */
export function Took({ from, to }: { from: string; to: string | null }) {
  const text = useSyncExternalStore(onTick, () => format.span((to ? Date.parse(to) : serverNow()) - Date.parse(from)));
  return <span title={`${format.moment(from)} – ${to ? format.moment(to) : "now"}`}>{text}</span>;
}

export function Money({ usage }: { usage: UsageTotal }) {
  return <span className={css.number} title={format.moneyInWords(usage)}>{format.money(usage)}</span>;
}

export function Tokens({ usage }: { usage: UsageTotal }) {
  const parts = `in ${usage.input_tokens}, out ${usage.output_tokens}, cache read ${usage.cache_read_tokens}, cache written ${usage.cache_creation_tokens}`;
  return <span className={css.number} title={parts}>{format.count(format.tokens(usage))} tokens</span>;
}

/** An id by its last characters; a click copies it whole. */
export function Id({ id, label, whole = false }: { id: string; label?: string; whole?: boolean }) {
  const [copied, copy] = useCopy(id);
  return (
    <button type="button" className={css.id} onClick={copy} title={`Copy ${id}`}>
      <span className="unseen">Copy </span>
      {label && <span className={css.idLabel}>{label}</span>}
      <code>{whole ? id : `…${format.short(id)}`}</code>
      {copied ? <span aria-hidden="true" className={css.copy}>✓</span> : <CopyIcon />}
      <span role="status" className="unseen">{copied ? "Copied" : ""}</span>
    </button>
  );
}

function CopyIcon() {
  return (
    <svg aria-hidden="true" className={css.copy} viewBox="0 0 16 16" width="12" height="12" fill="none" stroke="currentColor" strokeWidth="1.6">
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M10.5 3.5v-.5a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h.5" />
    </svg>
  );
}

/** Whether a media query holds, as long as the component is there. */
export function useMedia(query: string): boolean {
  const watch = useCallback((told: () => void) => {
    const media = matchMedia(query);
    media.addEventListener("change", told);
    return () => media.removeEventListener("change", told);
  }, [query]);
  return useSyncExternalStore(watch, () => matchMedia(query).matches);
}

export function useCopy(text: string | (() => string)): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return [copied, () => {
    void copyText(typeof text === "string" ? text : text()).then(() => {
      setCopied(true);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setCopied(false), 1500);
    });
  }];
}

async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: "plain" | "primary" | "danger" | "quiet";
}
export function Button({ look = "plain", className = "", ...rest }: ButtonProps) {
  return <button type="button" {...rest} className={`${css.button} ${css[look]} ${className}`} />;
}

/** Text of an agent on one line, cut where the room ends. */
export function Line({ text }: { text: string }) {
  return <span className={css.line} dir="auto" title={inert(text)}>{inert(text)}</span>;
}

/** What was refused or went wrong; with `whole` it is all that its page has to say. */
export function Trouble({ problem, again, whole = false }: { problem: Error; again?: () => void; whole?: boolean }) {
  const told = problem instanceof Problem ? problem : null;
  const sentence = told ? <Said text={told.detail} /> : "This page has a defect.";
  return (
    <div role="alert" className={css.trouble}>
      {whole ? <h1>{sentence}</h1> : <p><strong>{sentence}</strong></p>}
      {told && <Help hint={told.hint} />}
      {told ? told.requestId && told.status >= 500 && <p className={css.soft}>Request <code>{told.requestId}</code></p> : <p><code>{problem.message}</code></p>}
      {again && <Button onClick={again}>Try again</Button>}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className={css.empty}>{children}</p>;
}

export function Loading({ what }: { what: string }) {
  return <p role="status" className={css.empty}>Reading {what} …</p>;
}

/** A question before something cannot be undone; the browser's own dialog keeps the focus and closes with Escape. */
export function Dialog({ title, onClose, wide = false, children }: { title: string; onClose: () => void; wide?: boolean; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    // Where the first field is not what a person comes for.
    shown?.querySelector<HTMLElement>("[data-first] :is(select, input, textarea, button)")?.focus();
    return () => {
      shown?.close();
      // It is gone before the browser could give the focus back.
      if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog ref={dialog} className={`${css.dialog} ${wide ? css.wide : ""}`} aria-labelledby={heading} onCancel={onClose} onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}>
      <div className={css.dialogBody}>
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
