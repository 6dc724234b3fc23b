// Messages in Markdown. Markup of the author is shown as text, images are links that nobody follows for us, and links
// lead to the web or nowhere. Loaded when the first message is drawn.
import { lazy, Suspense } from "react";
import { patiently } from "../patiently";
import { inert } from "./inert";
import css from "./Markdown.module.css";

const Rendered = lazy(patiently(() => import("./MarkdownText")));

/** Longer texts are shown as they are: nobody reads them as a page, and drawing them would take too long. */
const LONGEST = 60_000;

export function Markdown({ text }: { text: string }) {
  const shown = inert(text);
  const plain = <div className={css.plain} dir="auto">{shown}</div>;
  if (shown.length > LONGEST) return plain;
  return <Suspense fallback={plain}><Rendered text={shown} /></Suspense>;
}
