// The overlay behind `?`: the registry of keys, as it is at the moment.
import { useStore } from "../live/stores";
import { Dialog } from "../parts/Parts";
import { keys, overlay, type Key } from "./registry";
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
            {rowsOf(all.filter((one) => one.where === where)).map(({ does, first, last }) => (
              <div key={first + does} className={css.row}>
                <dt><Keys keys={first} />{last !== first && <> … <Keys keys={last} /></>}</dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p className={css.soft}>Keys do nothing while you type, but Ctrl+K (⌘K). Escape leaves a field.</p>
    </Dialog>
  );
}

function Keys({ keys: pressed }: { keys: string }) {
  return (pressed === " " ? ["Space"] : pressed.split(" ")).map((key) => <kbd key={key}>{key}</kbd>);
}

/** Keys that do the same, as numbers that answer, are one row. */
function rowsOf(all: readonly Key[]): { does: string; first: string; last: string }[] {
  return [...new Set(all.map((one) => one.does))].map((does) => {
    const same = all.filter((one) => one.does === does);
    return { does, first: same[0]?.keys ?? "", last: same.at(-1)?.keys ?? "" };
  });
}
