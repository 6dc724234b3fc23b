// The callboard: who needs you, what is to review, what works, what waits, what is done.
import { useMemo, useRef, useState } from "react";
import { useKeys, type Key } from "../keyboard/registry";
import { GROUPS, rowsOf, type BoardState, type Group, type Row } from "../live/board";
import { board, loadBoard, useStore } from "../live/stores";
import { go, Link, useQueryParameter } from "../navigation";
import { issuesBesideTitle, nameOf } from "../parts/format";
import { Age, Line, Loading, Money, SessionState, State, Trouble } from "../parts/Parts";
import { GROUP_LOOKS } from "../parts/states";
import css from "./Home.module.css";

const SHOWN = 30;

export default function Home() {
  const { state, phase, problem } = useStore(board);
  const [words, setWords] = useQueryParameter("q");
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useKeys(useMemo(() => keysOf(list, search), []));
  if (phase === "failed" && problem) return <div className={css.page}><Trouble problem={problem} again={() => void loadBoard()} /></div>;
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1>Callboard</h1>
        <input ref={search} type="search" className={css.search} placeholder="Search  /" aria-label="Search sessions"
          value={words} onChange={(event) => setWords(event.target.value)} />
      </div>
      {phase === "loading" ? <Loading what="the callboard" /> : (
        <div ref={list} className={css.groups}>
          {isEmpty(state) && <FirstSteps />}
          {GROUPS.map((group) => <GroupOfRows key={group} group={group} state={state} words={words} />)}
        </div>
      )}
    </div>
  );
}

function isEmpty(state: BoardState): boolean {
  return Object.keys(state.rows).length === 0;
}

function FirstSteps() {
  return (
    <section className={css.first}>
      <h2>Nothing has run here yet</h2>
      <p>Start an agent on any machine that has a runner, and follow it here:</p>
      <pre tabIndex={0}><code>{'callboard run "say hello" --executor scripted'}</code></pre>
      <p>With Claude Code installed, the same without <code>--executor</code>. <code>callboard demo</code> shows all of it in a minute.</p>
    </section>
  );
}

function GroupOfRows({ group, state, words }: { group: Group; state: BoardState; words: string }) {
  const [shown, setShown] = useState(SHOWN);
  const look = GROUP_LOOKS[group];
  const rows = useMemo(() => rowsOf(state, group).filter((row) => fits(row, words)), [state, group, words]);
  const heading = `group-${group}`;
  const total = words ? rows.length : state.totals[group];
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading} className={css.heading}>
        <State look={look} bare />
        <span className={css.total}>{total}{group === "done" && total >= 1000 ? "+" : ""}</span>
        {rows.length === 0 && <span className={css.nothing}>{words ? "None of these fits." : look.empty}</span>}
      </h2>
      {rows.length > 0 && (
        <ul className={css.rows}>
          {rows.slice(0, shown).map((row) => <li key={row.session_id}><SessionRow row={row} /></li>)}
        </ul>
      )}
      {rows.length > shown && (
        <button type="button" className={css.more} onClick={() => setShown(shown * 4)}>{rows.length - shown} more</button>
      )}
      {rows.length <= shown && rows.length < total && (
        <p className={css.rest}>The {total - rows.length} older ones: <code>callboard ps --all</code></p>
      )}
    </section>
  );
}

function fits(row: Row, words: string): boolean {
  const texts = [row.title, row.agent_name, row.session_id, row.headline, row.hostname, row.executor_type,
    ...Object.values(row.labels), ...row.issues.map((issue) => `#${String(issue.number)}`)];
  const whole = texts.join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => whole.includes(word));
}

function SessionRow({ row }: { row: Row }) {
  const waits = row.group === "needs_you" || row.group === "queued";
  return (
    <Link to={`/sessions/${row.session_id}`} className={css.row} data-row>
      <span className={css.state}><SessionState session={row} /></span>
      <span className={css.what}>
        <span className={css.name}>
          <span className={css.title} dir="auto">{nameOf(row)}</span>
          {issuesBesideTitle(row).map((number) => <span key={number} className={css.issue}>{number}</span>)}
          {row.queued_runs > 0 && row.group !== "queued" && <span className={css.queued}>+{row.queued_runs} queued</span>}
        </span>
        <span className={css.headline}>{row.headline ? <Line text={row.headline} /> : <Line text={row.reason_text ?? ""} />}</span>
      </span>
      <span className={css.who}>
        <Line text={[row.agent_name, row.executor_type].filter(Boolean).join(" · ")} />
        <span className={css.where}><Line text={row.hostname ?? ""} /></span>
      </span>
      <span className={css.children}>{row.children.total > 0 && <span title="children ended of all">{row.children.ended}/{row.children.total}</span>}</span>
      <span className={css.cost}><Money usage={row.usage} /></span>
      <span className={css.age}><Age at={row.since} before={waits ? "waits " : ""} /></span>
    </Link>
  );
}

function keysOf(list: React.RefObject<HTMLDivElement | null>, search: React.RefObject<HTMLInputElement | null>): readonly Key[] {
  const step = (by: number) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  return [
    { keys: "j", does: "Next session", where: "Callboard", run: () => step(1) },
    { keys: "k", does: "Session before", where: "Callboard", run: () => step(-1) },
    { keys: "Enter", does: "Open it", where: "Callboard", run: () => list.current?.querySelector<HTMLElement>("[data-row]:focus")?.click() },
    { keys: "/", does: "Search", where: "Callboard", run: () => search.current?.focus() },
    { keys: "r", does: "Read everything again", where: "Callboard", run: () => { void loadBoard(); go("/"); } },
  ];
}
