// The board of a project: its work by where it stands in the lifecycle, live; each card with what may be done to it.
import { memo, useEffect, useMemo, useRef, useState } from "react";
import type { Project } from "../../api/schema";
import { useKeys, type Key } from "../../keyboard/registry";
import { Link, useQueryParameter } from "../../navigation";
import { ChecksChip } from "../../parts/Checks";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Age, Button, Loading, Money, SessionState, State, Trouble } from "../../parts/Parts";
import { Where } from "../../parts/Where";
import { workAddress } from "./address";
import { isLed, WorkActions, WorkDialogs } from "./Actions";
import css from "./Board.module.css";
import { useWorkSessions, type WorkRow } from "./data";
import { COLUMNS, fittingWork, inColumn, isActive, lifecycleLook, type Column } from "./lifecycle";
import { PullRequest } from "./ShipDialog";

const SHOWN = 30;

export function Board({ project, named }: { project: Project; named: string }) {
  const { sessions, read } = useWorkSessions(project);
  const board = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const [words, setWords] = useQueryParameter("q");
  useKeys(useMemo(() => keysOf(board, search), []));
  const all = useMemo(() => fittingWork([...sessions.values()], words), [sessions, words]);
  const columns = useMemo(() => COLUMNS.map((column) => ({ column, cards: inColumn(all, column) })), [all]);
  if (read.data === undefined) return read.error ? <Trouble problem={read.error} again={() => void read.refetch()} /> : <Loading what="the work" />;
  if (words === "" && columns.every((one) => one.cards.length === 0)) return <NoWork project={project} named={named} />;
  const widths = columns.map((one) => (one.cards.length > 0 ? "minmax(190px, 1fr)" : "minmax(118px, 0.4fr)")).join(" ");
  return (
    <>
      <input ref={search} type="search" className={`${layout.field} ${css.search}`} placeholder="Filter  /" aria-label="Filter the board" value={words} onChange={(event) => setWords(event.target.value)} />
      <div ref={board} className={css.columns} style={{ gridTemplateColumns: widths }}>
        {columns.map(({ column, cards }) => <ColumnOfCards key={column.name} column={column} cards={cards} named={named} />)}
      </div>
      <WorkDialogs sessions={sessions} />
    </>
  );
}

function NoWork({ project, named }: { project: Project; named: string }) {
  return (
    <div className={layout.first}>
      <h2>Nobody works on this project yet</h2>
      <p>Choose issues under <Link to={workAddress(named)}>Issues</Link> and start work on them, or at the command line:</p>
      <pre tabIndex={0}><code>{`callboard spawn 1 2 --project ${inert(project.name)}`}</code></pre>
      <p className={layout.soft}>Each becomes a card here, with a branch and a worktree of its own.</p>
    </div>
  );
}

function ColumnOfCards({ column, cards, named }: { column: Column; cards: readonly WorkRow[]; named: string }) {
  const [shown, setShown] = useState(SHOWN);
  const heading = `column-${column.name}`;
  return (
    <section className={css.column} aria-labelledby={heading} data-column data-empty={cards.length === 0}>
      <h2 id={heading}><State look={column.look} bare /><span className={css.total}>{cards.length}</span></h2>
      {cards.length === 0 ? <p className={css.nothing}>none</p> : (
        <ul className={css.cards}>{cards.slice(0, shown).map((card) => <li key={card.session_id}><Card card={card} named={named} several={column.states.length > 1} /></li>)}</ul>
      )}
      {cards.length > shown && <Button look="quiet" onClick={() => setShown(shown * 4)}>{cards.length - shown} more</Button>}
    </section>
  );
}

/** What its run does is said where that says more than the column. */
function showsRun(card: WorkRow): boolean {
  if (card.waiting_for !== null) return true;
  return isActive(card) && card.lifecycle !== "paused" && card.lifecycle !== "stuck" && card.status !== "finished";
}

const Card = memo(function Card({ card, named, several }: { card: WorkRow; named: string; several: boolean }) {
  const { work } = card;
  // A milestone has a name of its own, other work that of its first issue.
  const title = card.milestone_id ? card.title : null;
  const itself = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isLed(card.session_id)) itself.current?.querySelector<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
  });
  const said = card.lifecycle === "stuck" && work?.stuck_reason ? work.stuck_reason : card.headline;
  return (
    <article ref={itself} className={css.card} data-card aria-label={card.title ?? `session ${card.session_id}`}>
      <div className={css.head}>
        {(several || card.lifecycle === "stuck") && <State look={lifecycleLook(card.lifecycle)} />}
        {showsRun(card) && <SessionState session={{ ...card, lifecycle: null }} />}
        <span className={css.age}><Age at={work?.lifecycle_at ?? card.created_at} /></span>
      </div>
      {title && <p className={css.first} dir="auto"><Link to={`/sessions/${card.session_id}`} data-row>{inert(title)}</Link></p>}
      <ul className={css.issues}>
        {card.issues.map((issue, index) => (
          <li key={String(issue.number)} className={index === 0 && !title ? css.first : undefined}>
            <Link to={workAddress(named, "issues", Number(issue.number))} className={css.issue}>#{String(issue.number)}</Link>
            <span className={css.name} dir="auto">
              {index === 0 && !title ? <Link to={`/sessions/${card.session_id}`} data-row>{inert(String(issue.title || `Issue ${String(issue.number)}`))}</Link> : inert(String(issue.title ?? ""))}
            </span>
          </li>
        ))}
      </ul>
      {said && <p className={`${css.text} ${card.lifecycle === "stuck" ? css.stuck : ""}`} dir="auto">{inert(said)}</p>}
      {work?.guidance && <p className={css.guidance} dir="auto"><span className="unseen">Guidance: </span>{inert(work.guidance)}</p>}
      {work?.checks && <div><ChecksChip work={work} /></div>}
      {work?.pull_request_url && <p className={css.text}><PullRequest url={work.pull_request_url} /></p>}
      <div className={css.facts}>
        {[card.agent_name, card.executor_type].filter(Boolean).map((one) => <span key={one}>{inert(String(one))}</span>)}
        <Where session={card} />
        <Money usage={card.usage} />
        {card.children.total > 0 && <span>{card.children.ended} of {card.children.total} children ended</span>}
        {card.milestone_id && <Link to={workAddress(named, "milestones")}>milestone</Link>}
        {work?.task_id && !card.milestone_id && <Link to={workAddress(named, "tasks")}>task</Link>}
        {work?.state === "preparing" && <span>worktree is being made</span>}
        {work?.state === "prepared" && !isActive(card) && <span>its worktree is still there</span>}
      </div>
      <WorkActions session={card} small />
    </article>
  );
});

function keysOf(board: React.RefObject<HTMLDivElement | null>, search: React.RefObject<HTMLInputElement | null>): readonly Key[] {
  const columns = () => [...(board.current?.querySelectorAll<HTMLElement>("[data-column]") ?? [])].map((one) => [...one.querySelectorAll<HTMLElement>("[data-card]")]).filter((one) => one.length > 0);
  const here = () => (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-card]") ?? null;
  const mark = (card: HTMLElement | undefined) => {
    card?.querySelector<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const step = (by: number) => {
    const all = columns().flat();
    const at = all.indexOf(here() as HTMLElement);
    mark(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))]);
  };
  const aside = (by: number) => {
    const all = columns();
    const column = all.findIndex((one) => one.includes(here() as HTMLElement));
    const next = all[column < 0 ? 0 : Math.max(0, Math.min(all.length - 1, column + by))] ?? [];
    mark(next[column < 0 ? 0 : Math.min(next.length - 1, all[column]?.indexOf(here() as HTMLElement) ?? 0)]);
  };
  return [
    { keys: "j", does: "Next card", where: "Board", run: () => step(1) },
    { keys: "k", does: "Card before", where: "Board", run: () => step(-1) },
    { keys: "l", does: "Next column", where: "Board", run: () => aside(1) },
    { keys: "h", does: "Column before", where: "Board", run: () => aside(-1) },
    { keys: "Enter", does: "Open its session", where: "Board", run: () => here()?.querySelector<HTMLElement>("[data-row]")?.click() },
    { keys: "/", does: "Filter", where: "Board", run: () => search.current?.focus() },
    { keys: "f", does: "Give guidance to the marked one", where: "Board", run: () => here()?.querySelector<HTMLElement>("[data-guide]")?.click() },
  ];
}
