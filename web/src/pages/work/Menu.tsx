// What is done more seldom, behind one button: it opens by click and key, and closes by Escape and by looking away.
import { useEffect, useRef, type ReactNode } from "react";
import css from "./Board.module.css";

export function Menu({ label, inline = false, children }: { label: string; inline?: boolean; children: ReactNode }) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const away = (event: Event) => {
      if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, []);
  const close = () => {
    if (menu.current) menu.current.open = false;
  };
  return (
    <details ref={menu} className={`${css.menu} ${inline ? css.inline : ""}`} onKeyDown={(event) => {
      if (event.key !== "Escape" || !menu.current?.open) return;
      event.stopPropagation();
      close();
      menu.current.querySelector("summary")?.focus();
    }}>
      <summary aria-label={label}>More <span aria-hidden="true">▾</span></summary>
      <div className={css.entries} onClick={close}>{children}</div>
    </details>
  );
}
