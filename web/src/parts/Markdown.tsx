// Messages in Markdown. Markup of the author is shown as text, images are links that nobody follows for us, and links
// lead to the web or nowhere. Loaded when the first message is drawn; what cannot be drawn is shown as it is.
import { Component, lazy, Suspense, useState, type ReactNode } from "react";
import { patiently } from "../patiently";
import { cutOf, unfolding } from "./format";
import { inert } from "./inert";
import css from "./Markdown.module.css";
import { Button } from "./Parts";
import { isTame } from "./tame";

const Rendered = lazy(patiently(() => import("./MarkdownText")));

const FOLD_AT = 10_000;

/** A long text shows its beginning until it is asked for. */
export function Markdown({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= FOLD_AT * 1.5) return <><Whole text={text} /><CutNote text={text} /></>;
  return (
    <>
      <Whole text={whole ? text : `${text.slice(0, FOLD_AT)} …`} />
      <Button look="quiet" onClick={() => setWhole(!whole)}>{whole ? "Fold" : unfolding(text)}</Button>
      <CutNote text={text} />
    </>
  );
}

/** Says of a text that was cut before it came into the log how much of it is there. */
export function CutNote({ text }: { text: string }) {
  const cut = cutOf(text);
  return cut && <p className={css.cut}>The log keeps the first {cut.kept.toLocaleString("en")} of {cut.whole.toLocaleString("en")} characters.</p>;
}

function Whole({ text }: { text: string }) {
  const shown = inert(text);
  const plain = <div className={css.plain} dir="auto">{shown}</div>;
  if (!isTame(shown)) return plain;
  return <Else plain={plain}><Suspense fallback={plain}><Rendered text={shown} /></Suspense></Else>;
}

class Else extends Component<{ plain: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? this.props.plain : this.props.children;
  }
}
