// The overlay behind `?`: the registry of keys, as it is at the moment.
import { useStore } from "../live/stores";
import { Dialog } from "../parts/Parts";
import { keys, overlay } from "./registry";
import css from "./Overlay.module.css";

export function Overlay() {
  const shown = useStore(overlay);
  const all = useStore(keys).filter((one) => one.keys);
  if (!shown) return null;
  const headings = [...new Set(all.map((one) => one.where))];
  return (
    <Dialog title="Keyboard" onClose={() => overlay.set(false)}>
      {headings.map((where) => (
        <section key={where} className={css.section}>
          <h3>{where}</h3>
          <dl>
            {all.filter((one) => one.where === where).map((one) => (
              <div key={one.keys + one.does} className={css.row}>
                <dt>{(one.keys === " " ? ["Space"] : one.keys.split(" ")).map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                <dd>{one.does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p className={css.soft}>Keys do nothing while you type, but Ctrl+K (⌘K). Escape leaves a field.</p>
    </Dialog>
  );
}
