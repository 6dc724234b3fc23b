// The rows of one tree, of which only those in sight are there; walked with the arrows as file trees are.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Tree } from "../../api/schema";
import { useKeys, type Key } from "../../keyboard/registry";
import { belowOf, isOpen, moved, rowsOfTree, type Below, type TreeRow } from "../../live/tree";
import { go, Link, useQueryParameter } from "../../navigation";
import { money, moneyInWords, nameOf } from "../../parts/format";
import layout from "../../parts/layout.module.css";
import { Age, Button, Empty, SessionState, useMedia } from "../../parts/Parts";
import { GROUP_LOOKS } from "../../parts/states";
import css from "./TreeRows.module.css";

type Way = "up" | "down" | "left" | "right" | "first" | "last";
const WAYS: readonly [string, Way, string][] = [
  ["ArrowDown", "down", "Next session"], ["ArrowUp", "up", "Session before"], ["ArrowRight", "right", "Unfold, or to the first child"],
  ["ArrowLeft", "left", "Fold, or to the parent"], ["Home", "first", "First session"], ["End", "last", "Last session"],
  ["j", "down", "Next session"], ["k", "up", "Session before"],
];
const ROW = 44;
const NARROW_ROW = 68;
const ADDRESS_MS = 400;

export function TreeRows({ tree, open }: { tree: Tree; open: boolean }) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [linked, setLinked] = useQueryParameter("at", tree.session_id);
  const [at, setAt] = useState(linked);
  useEffect(() => {
    // Browsers bear only so many changes of the address, and a held arrow makes many.
    const timer = setTimeout(() => setLinked(at), ADDRESS_MS);
    return () => clearTimeout(timer);
  }, [at, setLinked]);
  const below = useMemo(() => belowOf(tree), [tree]);
  const rows = useMemo(() => rowsOfTree(tree, folded, below, open ? isOpen : undefined), [tree, folded, below, open]);
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMedia("(max-width: 720px)");
  const height = narrow ? NARROW_ROW : ROW;
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 8,
    getItemKey: (index) => rows[index]?.node.session_id ?? index,
  });
  useEffect(() => virtual.measure(), [virtual, height]);
  const index = Math.max(0, rows.findIndex((row) => row.node.session_id === at));

  // The keys of the registry are made once: what they act on is looked up when they are pressed.
  const now = useRef({ rows, index, folded });
  now.current = { rows, index, folded };
  const show = (to: number) => {
    const row = now.current.rows[to];
    if (!row) return;
    setAt(row.node.session_id);
    virtual.scrollToIndex(to, { align: "auto" });
  };
  const fold = (id: string, wanted: boolean) => setFolded((before) => {
    const after = new Set(before);
    if (wanted) after.add(id);
    else after.delete(id);
    return after;
  });
  const acts = useRef({ show, fold });
  acts.current = { show, fold };
  useKeys(useMemo(() => keysOf(now, acts), []));
  useEffect(() => {
    // A link to a session in the tree leads there.
    if (index > 0) virtual.scrollToIndex(index, { align: "center" });
    // Only at first.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const parents = tree.nodes.filter((node) => node.children.length > 0).map((node) => node.session_id);
  if (rows.length === 1 && open && rows[0] && !isOpen(rows[0].node, rows[0].below)) return <Empty>All of it is done.</Empty>;
  return (
    <div className={layout.fill}>
      <div className={css.bar}>
        <Button look="quiet" onClick={() => setFolded(new Set())} disabled={folded.size === 0}>Unfold all</Button>
        <Button look="quiet" onClick={() => setFolded(new Set(parents.filter((id) => id !== tree.session_id)))} disabled={parents.length < 2}>Fold all</Button>
        <span className={css.heads} aria-hidden="true"><span>Children</span><span>Own</span><span>With all below</span><span>Age</span></span>
      </div>
      <div ref={scroller} className={css.scroller} role="tree" aria-label="Sessions of the tree" tabIndex={0}
        aria-activedescendant={`tree-${rows[index]?.node.session_id ?? ""}`}>
        <div className={css.all} style={{ height: virtual.getTotalSize() }} role="presentation">
          {virtual.getVirtualItems().map((one) => {
            const row = rows[one.index];
            return row && (
              <Row key={one.key} row={row} start={one.start} narrow={narrow} selected={one.index === index}
                onSelect={() => setAt(row.node.session_id)} onFold={(wanted) => fold(row.node.session_id, wanted)} />
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  row: TreeRow;
  start: number;
  narrow: boolean;
  selected: boolean;
  onSelect: () => void;
  onFold: (wanted: boolean) => void;
}

function Row({ row, start, narrow, selected, onSelect, onFold }: RowProps) {
  const { node, below, expanded, level } = row;
  return (
    <div id={`tree-${node.session_id}`} role="treeitem" aria-level={level + 1} aria-posinset={row.place} aria-setsize={row.siblings}
      aria-selected={selected} {...(expanded === null ? {} : { "aria-expanded": expanded })} onClick={onSelect}
      className={`${css.row} ${selected ? css.selected : ""}`} style={{ transform: `translateY(${start}px)`, height: narrow ? NARROW_ROW : ROW, "--level": Math.min(level, 12) } as React.CSSProperties}>
      <span className={css.name}>
        {expanded === null ? <span className={css.leaf} aria-hidden="true" /> : (
          <button type="button" tabIndex={-1} className={css.toggle} aria-label={expanded ? "Fold" : "Unfold"}
            onClick={(event) => { event.stopPropagation(); onFold(expanded); }}>{expanded ? "▾" : "▸"}</button>
        )}
        <span className={css.state}><SessionState session={node} /></span>
        <Link to={`/sessions/${node.session_id}`} tabIndex={-1} className={css.title} dir="auto">{nameOf(node)}</Link>
        {!narrow && <Signs below={below} own={node.group} />}
        {node.queued_runs > 0 && node.group !== "queued" && <span className={css.soft}>+{node.queued_runs} queued</span>}
      </span>
      <span className={css.figures}>
        {narrow && <span className={css.signs}><Signs below={below} own={node.group} /></span>}
        <span className={css.figure}>{below.total > 0 && <span title={`${below.ended} of ${below.total} below have ended`}>{below.ended}/{below.total}</span>}</span>
        <span className={`${css.figure} ${css.own}`} title={`itself: ${moneyInWords(node.usage_self)}`}>{money(node.usage_self)}</span>
        <span className={`${css.figure} ${below.total > 0 ? css.sum : ""}`} title={`with all below: ${moneyInWords(node.usage_subtree)}`}>{money(node.usage_subtree)}</span>
        <span className={css.figure}><Age at={node.created_at} /></span>
      </span>
    </div>
  );
}

const PRESSING = ["needs_you", "ready_for_review", "working", "queued", "done"];

/** What is below and more pressing than the session itself. */
function Signs({ below, own }: { below: Below; own: string }) {
  const worst = below.worst;
  const worse = worst !== null && worst !== "done" && (PRESSING.indexOf(worst) < PRESSING.indexOf(own) || worst === "needs_you");
  return (
    <>
      {worse && <span className={`${css.sign} ${css[GROUP_LOOKS[worst].tone] ?? ""}`}>{GROUP_LOOKS[worst].icon} {below.inWorst} {GROUP_LOOKS[worst].word.toLowerCase()} below</span>}
      {below.failed > 0 && <span className={`${css.sign} ${css.bad}`}>✕ {below.failed} failed below</span>}
    </>
  );
}

type Now = React.RefObject<{ rows: readonly TreeRow[]; index: number; folded: ReadonlySet<string> }>;
type Acts = React.RefObject<{ show: (to: number) => void; fold: (id: string, wanted: boolean) => void }>;

function keysOf(now: Now, acts: Acts): readonly Key[] {
  const run = (way: Way) => () => {
    const { rows, index } = now.current;
    const found = moved(rows, index, way);
    const id = rows[index]?.node.session_id;
    if (found && "to" in found) acts.current.show(found.to);
    else if (found && id) acts.current.fold(id, found.fold);
  };
  const open = () => {
    const id = now.current.rows[now.current.index]?.node.session_id;
    if (id) go(`/sessions/${id}`);
  };
  return [...WAYS.map(([keys, way, does]) => ({ keys, does, where: "Tree", walks: true, run: run(way) })), { keys: "Enter", does: "Open the session", where: "Tree", walks: true, run: open }];
}
