// The box that filters a list, with what can be written into it; its text is kept in the address by whoever shows it.
import { useState, type Ref } from "react";
import { TOKENS, type Filter } from "../live/filter";
import css from "./FilterBox.module.css";

interface Props {
  value: string;
  onChange: (value: string) => void;
  filter: Filter;
  label: string;
  field?: Ref<HTMLInputElement>;
}

export function FilterBox({ value, onChange, filter, label, field }: Props) {
  const [focused, setFocused] = useState(false);
  const add = (token: string) => onChange(`${value.trim()} ${token}`.trim());
  return (
    <div className={css.box} onFocus={() => setFocused(true)}
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setFocused(false)}>
      <input ref={field} type="search" className={css.field} placeholder="Filter  /" aria-label={label}
        autoComplete="off" spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} />
      <div role="status" className={filter.faults.length > 0 ? css.faults : "unseen"}>{filter.faults.join(" ")}</div>
      {focused && value.trim() === "" && (
        <div className={css.help}>
          <p className={css.lead}>Words, and any of these; all of them have to fit:</p>
          <dl className={css.tokens}>
            {TOKENS.map(([token, means]) => (
              <div key={token}>
                {/* Not by a focus that moves: the list would be gone before the click. */}
                <dt><button type="button" onMouseDown={(event) => event.preventDefault()} onClick={() => add(token)}><code>{token}</code></button></dt>
                <dd>{means}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </div>
  );
}
