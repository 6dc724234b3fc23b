// The issues of a start in their order, of which the first gives the names; at each whether it is taken, and by which session.
import { useState } from "react";
import type { Issue } from "../../api/schema";
import { Link } from "../../navigation";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, State } from "../../parts/Parts";
import { lifecycleLook, moved, readNumbers } from "./lifecycle";
import css from "./Work.module.css";

/** The active session that holds an issue. */
export interface Taken {
  session_id: string;
  title: string | null;
  lifecycle: string | null;
}

interface Props {
  order: readonly number[];
  issues: ReadonlyMap<number, Issue>;
  taken: ReadonlyMap<number, Taken>;
  /** The order is not the person's to choose. */
  fixed: boolean;
  onChange: (order: readonly number[]) => void;
}

export function ChosenIssues({ order, issues, taken, fixed, onChange }: Props) {
  const [more, setMore] = useState("");
  const add = () => {
    onChange([...new Set([...order, ...readNumbers(more)])]);
    setMore("");
  };
  const free = order.filter((number) => !taken.has(number));
  return (
    <div className={layout.labelled}>
      {order.length === 0 ? <p className={layout.soft}>No issue is chosen.</p> : (
        <ol className={css.order} style={{ width: "100%" }} aria-label="Issues in their order">
          {order.map((number, index) => (
            <Line key={number} number={number} index={index} last={order.length - 1} issue={issues.get(number)} held={taken.get(number)} fixed={fixed}
              onMove={(by) => onChange(moved(order, index, by))} onRemove={() => onChange(order.filter((one) => one !== number))} />
          ))}
        </ol>
      )}
      {!fixed && (
        <div className={layout.line}>
          <input className={`${layout.field} ${layout.number}`} style={{ width: 110 }} aria-label="Add an issue by its number" placeholder="Add #" value={more}
            onChange={(event) => setMore(event.target.value)} onKeyDown={(event) => { if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); add(); } }} />
          <Button disabled={readNumbers(more).length === 0} onClick={add}>Add</Button>
          {taken.size > 0 && free.length > 0 && <Button onClick={() => onChange(free)}>Go on without what is taken</Button>}
          {order.length > 1 && <span className={layout.hint}>The first one names handle and branch.</span>}
        </div>
      )}
    </div>
  );
}

interface LineProps {
  number: number;
  index: number;
  last: number;
  issue: Issue | undefined;
  held: Taken | undefined;
  fixed: boolean;
  onMove: (by: -1 | 1) => void;
  onRemove: () => void;
}

function Line({ number, index, last, issue, held, fixed, onMove, onRemove }: LineProps) {
  return (
    <li data-taken={held !== undefined} data-issue={number}>
      <span className={css.number}>#{number}</span>
      <span className={css.what} dir="auto">{inert(issue?.title ?? "")}</span>
      {issue?.state === "closed" && <span className={layout.tag}>closed</span>}
      {!fixed && (
        <span className={css.actions}>
          <Button look="quiet" className={css.small} aria-label={`Move #${number} up`} disabled={index === 0} onClick={() => onMove(-1)}>↑</Button>
          <Button look="quiet" className={css.small} aria-label={`Move #${number} down`} disabled={index === last} onClick={() => onMove(1)}>↓</Button>
          <Button look="quiet" className={css.small} aria-label={`Take #${number} out`} onClick={onRemove}>✕</Button>
        </span>
      )}
      {held && (
        <span className={css.taken} role="alert">
          Taken: <Link to={`/sessions/${held.session_id}`}>{inert(held.title ?? `session …${held.session_id.slice(-6)}`)}</Link> works on it.{" "}
          {held.lifecycle && <State bare look={lifecycleLook(held.lifecycle)} />}
        </span>
      )}
    </li>
  );
}
