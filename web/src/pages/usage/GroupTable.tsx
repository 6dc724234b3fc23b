// Groups of the ledger as a table: each with its part of the whole, its tokens and its cost, and the way further in.
import type { ReactNode } from "react";
import type { UsageGroup } from "../../api/schema";
import { Link } from "../../navigation";
import { count, tokens } from "../../parts/format";
import layout from "../../parts/layout.module.css";
import { Money } from "../../parts/Parts";
import css from "./usage.module.css";

interface Props {
  heading: string;
  items: readonly UsageGroup[];
  nameOf: (group: UsageGroup) => string;
  /** Where a click leads; null where nothing is further in. */
  next: (group: UsageGroup) => string | null;
  /** A second line below the name. */
  note?: (group: UsageGroup) => ReactNode;
}

/** The kinds of tokens, each with its own price, and how they are called. */
export const KINDS = [
  ["input_tokens", "Input"], ["output_tokens", "Output"], ["cache_read_tokens", "Cache read"], ["cache_creation_tokens", "Cache written"],
] as const;

export function GroupTable({ heading, items, nameOf, next, note }: Props) {
  const largest = Math.max(1, ...items.map((group) => group.usage.cost_microdollars ?? 0));
  return (
    <div className={layout.box}>
      <table className={`${layout.table} ${css.table}`}>
        <thead>
          <tr>
            <th scope="col">{heading}</th><th scope="col" className={layout.wideOnly}><span className="unseen">Part of the cost</span></th>
            {[...KINDS.map(([, word]) => word), "Turns"].map((word) => <th key={word} scope="col" className={`${layout.right} ${layout.wideOnly}`}>{word}</th>)}
            <th scope="col" className={`${layout.right} ${css.narrowOnly}`}>Tokens</th><th scope="col" className={layout.right}>Cost</th>
          </tr>
        </thead>
        <tbody>
          {items.map((group) => {
            const to = next(group);
            const name = nameOf(group);
            return (
              <tr key={group.key}>
                <td className={css.name} dir="auto">{to ? <Link to={to}>{name}</Link> : name}{note && <div className={css.note}>{note(group)}</div>}
                  <div className={css.kinds}>{KINDS.map(([kind, word]) => `${word.toLowerCase()} ${count(group.usage[kind])}`).join(" · ")}</div></td>
                <td className={`${css.part} ${layout.wideOnly}`} aria-hidden="true">{group.usage.cost_microdollars !== null && <div style={{ inlineSize: `${(group.usage.cost_microdollars / largest) * 100}%` }} />}</td>
                {KINDS.map(([kind]) => <td key={kind} className={`${layout.right} ${layout.number} ${layout.wideOnly}`} title={String(group.usage[kind])}>{count(group.usage[kind])}</td>)}
                <td className={`${layout.right} ${layout.number} ${layout.wideOnly}`}>{count(group.usage.turns)}</td>
                <td className={`${layout.right} ${layout.number} ${css.narrowOnly}`}>{count(tokens(group.usage))}</td>
                <td className={layout.right}><Money usage={group.usage} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
