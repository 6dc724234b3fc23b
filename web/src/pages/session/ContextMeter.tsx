// How full the agent's context is: what its latest call held, and the part of the window that is usual for the model.
import { windowOf, type Context } from "../../live/context";
import { count } from "../../parts/format";
import { inert } from "../../parts/inert";
import css from "./Header.module.css";

export function ContextMeter({ context }: { context: Context | null }) {
  if (context === null) return null;
  const size = windowOf(context);
  const part = size === null ? null : Math.round((context.tokens / size) * 100);
  const words = `What its latest call to ${inert(context.model)} held${size === null ? "" : `, of the ${count(size)} tokens that are usual for this model`}.`;
  return (
    <span className={css.context} title={words}>
      {part !== null && <span className={css.meter} aria-hidden="true"><span style={{ inlineSize: `${part}%` }} data-full={part >= 80} /></span>}
      context {count(context.tokens)}{part !== null && ` (${part} %)`}
    </span>
  );
}
