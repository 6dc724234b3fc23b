// The box in which a message is written. A draft outlives a reload; what is sent is the outbox's.
import { useEffect, useState, type KeyboardEvent, type ReactNode } from "react";
import { keep } from "../parts/kept";
import { Button } from "../parts/Parts";
import css from "./Chat.module.css";

interface Props {
  /** Under which name the draft is kept. */
  draft: string;
  placeholder: string;
  word: string;
  onSend: (text: string) => void;
  /** Text that is taken back to be changed; `n` makes it new. */
  given?: { text: string; n: number } | null;
  children?: ReactNode;
}

const LONGEST = 1_000_000;

export function Writer({ draft, placeholder, word, onSend, given = null, children }: Props) {
  const place = `callboard.draft.${draft}`;
  const [text, setText] = useState(() => sessionStorage.getItem(place) ?? "");
  useEffect(() => {
    keep(sessionStorage, place, text || null);
  }, [place, text]);
  useEffect(() => {
    if (!given) return;
    setText((before) => (before.trim() ? `${given.text}\n${before}` : given.text));
    document.getElementById("message")?.focus();
  }, [given]);
  const ready = text.trim() !== "";
  const submit = () => {
    if (!ready) return;
    onSend(text);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <form className={css.writer} onSubmit={(event) => {
      event.preventDefault();
      submit();
    }}>
      <textarea id="message" dir="auto" rows={Math.min(10, Math.max(1, text.split("\n").length))} value={text} maxLength={LONGEST}
        aria-label="Message" placeholder={placeholder} onChange={(event) => setText(event.target.value)} onKeyDown={onKeyDown}
        title="Enter sends, Shift+Enter begins a line" />
      {children}
      <Button type="submit" look="primary" disabled={!ready}>{word}</Button>
    </form>
  );
}
