// The box that filters a list, with what can be written into it and what was kept; its text is in the address, by whoever
// shows it.
import { useState, type Ref } from "react";
import { TOKENS, type Filter } from "../live/filter";
import { useStore } from "../live/stores";
import css from "./FilterBox.module.css";
import { saved, toggleSaved } from "./saved";

interface Props {
  value: string;
  onChange: (value: string) => void;
  filter: Filter;
  label: string;
  field?: Ref<HTMLInputElement>;
}

export function FilterBox({ value, onChange, filter, label, field }: Props) {
  const [focused, setFocused] = useState(false);
  const text = value.trim();
  const isKept = useStore(saved).includes(text);
  return (
    <div className={css.box} onFocus={() => setFocused(true)}
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setFocused(false)}>
      <input ref={field} type="search" className={css.field} placeholder="Filter  /" aria-label={label}
        autoComplete="off" spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} />
      {text !== "" && (
        <button type="button" className={css.keep} aria-pressed={isKept} aria-label="Keep this filter" title={isKept ? "Kept; a click lets go of it" : "Keep this filter"}
          onClick={() => toggleSaved(text)}><span aria-hidden="true">{isKept ? "★" : "☆"}</span></button>
      )}
      <div role="status" className={filter.faults.length > 0 ? css.faults : "unseen"}>{filter.faults.join(" ")}</div>
      {focused && text === "" && <Help onChoose={onChange} />}
    </div>
  );
}

function Help({ onChoose }: { onChoose: (text: string) => void }) {
  const kept = useStore(saved);
  // Not by a focus that moves: the list would be gone before the click.
  const stay = (event: { preventDefault: () => void }) => event.preventDefault();
  return (
    <div className={css.help}>
      {kept.length > 0 && (
        <ul className={css.kept} aria-label="Kept filters">
          {kept.map((text) => (
            <li key={text}>
              <button type="button" onMouseDown={stay} onClick={() => onChoose(text)}>★ <code>{text}</code></button>
              <button type="button" onMouseDown={stay} onClick={() => toggleSaved(text)} aria-label={`Let go of ${text}`}>✕</button>
            </li>
          ))}
        </ul>
      )}
      <p className={css.lead}>Words, and any of these; all of them have to fit:</p>
      <dl className={css.tokens}>
        {TOKENS.map(([token, means]) => (
          <div key={token}>
            <dt><button type="button" onMouseDown={stay} onClick={() => onChoose(token)}><code>{token}</code></button></dt><dd>{means}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
