// A state that takes a sentence: icon, words that wrap, and the colour of its tone.
import type { Look } from "../../parts/states";
import css from "./Told.module.css";

export function Told({ look }: { look: Look }) {
  return <span className={`${css.told} ${css[look.tone]}`}><span aria-hidden="true">{look.icon}</span> <span>{look.word}</span></span>;
}
