// The callboard: who needs you, what is to review, what works, what waits, what is done.
import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { call } from "../api/client";
import type { Session } from "../api/schema";
import { useKeys, type Key } from "../keyboard/registry";
import { rowKeys } from "../keyboard/rows";
import { GROUPS, rowsOf, type BoardState, type Group, type Row } from "../live/board";
import { useFresh } from "../live/fresh";
import { fitsFilter, readFilter, type Filter } from "../live/filter";
import { board, loadBoard, useStore } from "../live/stores";
import type { Event } from "../live/types";
import { go, Link, useQueryParameter } from "../navigation";
import { filterableSession, useProjectNames, useRunnerPlaces } from "../parts/filterable";
import { ChecksChip, toneOfChecks } from "../parts/Checks";
import { FilterBox } from "../parts/FilterBox";
import { issuesBesideTitle, nameOf, nameOfRequest, reasonOfWork } from "../parts/format";
import { inert } from "../parts/inert";
import { withNames } from "../parts/Named";
import { Age, Line, Loading, Money, SessionState, State, Trouble } from "../parts/Parts";
import { GROUP_LOOKS } from "../parts/states";
import { useFurtherBack } from "./home/furtherBack";
import { isAnswerable, Peek } from "./home/Peek";
import { RaiseLink } from "./usage/BudgetOf";
import css from "./Home.module.css";

const SHOWN = 30;

export default function Home() {
  const { state, phase, problem } = useStore(board);
  const [words, setWords] = useQueryParameter("q");
  const filter = useMemo(() => readFilter(words), [words]);
  const projects = useProjectNames();
  const places = useRunnerPlaces();
  const whys = useWhys(state.totals.queued > 0 || Object.values(state.rows).some(waitsForMoney));
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useKeys(useMemo(() => keysOf(list, search), []));
  if (phase === "failed" && problem) return <div className={css.page}><Trouble whole problem={problem} again={() => void loadBoard()} /></div>;
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1>Callboard</h1>
        <FilterBox field={search} label="Filter sessions" value={words} onChange={setWords} filter={filter} />
      </div>
      {phase === "loading" ? <Loading what="the callboard" /> : (
        <div ref={list} className={css.groups}>
          {isEmpty(state) && <FirstSteps />}
          {GROUPS.map((group) => <GroupOfRows key={group} group={group} state={state} filter={filter} projects={projects} places={places} whys={whys} />)}
          {filter.tokens.length > 0 && <FurtherBack filter={filter} state={state} projects={projects} places={places} words={words} />}
        </div>
      )}
    </div>
  );
}

/** What it said last is no reason: it was there before its budget was used up. */
function waitsForMoney(row: Row): boolean {
  return row.waiting_for === "budget" && row.queued_runs > 0;
}

const WHY_MS = 15_000;
const WHY_GATHER_MS = 2_000;
const MOST_WHYS = 50;
const MOVES = (event: Event) => event.type.startsWith("run_");

/** Why each session waits that stands in front of the queue, in the coordinator's words; asked for while any waits. */
function useWhys(wanted: boolean): ReadonlyMap<string, string> {
  useFresh(["queue", "whys"], MOVES, WHY_GATHER_MS);
  const found = useQuery({
    queryKey: ["queue", "whys"],
    queryFn: () => call("GET /queue", { query: { limit: MOST_WHYS } }),
    enabled: wanted,
    refetchInterval: WHY_MS,
  });
  return useMemo(() => new Map(found.data?.items.map((one) => [one.run.session_id, withNames(one.why.sentence, one.run.session_id)])), [found.data]);
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

interface GroupProps {
  group: Group;
  state: BoardState;
  filter: Filter;
  projects: ReadonlyMap<string, string>;
  /** Where the runners are, by their ids. */
  places: ReadonlyMap<string, string>;
  /** Why sessions wait, by their ids. */
  whys: ReadonlyMap<string, string>;
}

function GroupOfRows({ group, state, filter, projects, places, whys }: GroupProps) {
  const [shown, setShown] = useState(SHOWN);
  const look = GROUP_LOOKS[group];
  const filtered = filter.tokens.length > 0;
  const held = useMemo(() => rowsOf(state, group), [state, group]);
  const rows = useMemo(() => held.filter((row) => fitsFilter(filterableSession(row, projects, places), filter)), [held, filter, projects, places]);
  const heading = `group-${group}`;
  const total = filtered ? rows.length : state.totals[group];
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading} className={css.heading}>
        <State look={look} bare />
        <span className={css.total}>{total}{group === "done" && total >= 1000 ? "+" : ""}</span>
        {rows.length === 0 && <span className={css.nothing}>{!filtered ? look.empty : held.length < state.totals[group] ? `None of the ${held.length} that stand here fits.` : "None of these fits."}</span>}
      </h2>
      {rows.length > 0 && (
        <ul className={css.rows}>
          {rows.slice(0, shown).map((row) => <Item key={row.session_id} row={row} project={row.project_id === null ? undefined : projects.get(row.project_id)} place={placeOf(row, places)} why={group === "queued" || waitsForMoney(row) ? whys.get(row.session_id) : undefined} />)}
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

interface FurtherBackProps {
  filter: Filter;
  state: BoardState;
  projects: ReadonlyMap<string, string>;
  /** Where the runners are, by their ids. */
  places: ReadonlyMap<string, string>;
  words: string;
}

/** What fits of what does not stand here: children that have ended, and what is older; by the words of the filter. */
function FurtherBack({ filter, state, projects, places, words }: FurtherBackProps) {
  const fits = useCallback((one: Session) => state.rows[one.session_id] === undefined && fitsFilter(filterableSession(rowOf(one), projects, places), filter), [state.rows, projects, places, filter]);
  const { isSought, sessions, hasMore, said, problem, again, lookOn } = useFurtherBack(filter, fits);
  const rows = sessions.map(rowOf);
  return (
    <section aria-label="Further back">
      {isSought && (
        <h2 className={css.heading}>
          <State look={FURTHER_BACK} bare />
          <span className={css.total}>{rows.length}{hasMore ? "+" : ""}</span>
          {said && <span className={css.nothing}>{said}</span>}
        </h2>
      )}
      {rows.length > 0 && <ul className={css.rows}>{rows.map((row) => <li key={row.session_id}><SessionRow row={row} project={row.project_id === null ? undefined : projects.get(row.project_id)} place={placeOf(row, places)} why={undefined} /></li>)}</ul>}
      {problem && <Trouble problem={problem} again={again} />}
      {lookOn && <button type="button" className={css.more} onClick={lookOn}>Look further back</button>}
      <p className={css.rest}>Children that have ended and older sessions are found by words of their name, agent, label or id. <Link to={`/runs?${new URLSearchParams({ status: "all", q: words }).toString()}`}>The same filter on all runs</Link>.</p>
    </section>
  );
}

function rowOf(one: Session): Row {
  return { ...one, headline: one.reason_text, since: one.ended_at ?? one.updated_at, live: false };
}

const FURTHER_BACK = { icon: "↶", word: "Further back", tone: "wait" } as const;

/** A row, and below it what it asks, once somebody wants to answer it here. */
interface ItemProps {
  row: Row;
  project: string | undefined;
  /** Where it works: its runner. */
  place: string | null;
  why: string | undefined;
}

function placeOf(row: Row, places: ReadonlyMap<string, string>): string | null {
  return places.get(row.binding?.runner_id ?? "") ?? row.hostname;
}

function Item({ row, project, place, why }: ItemProps) {
  const [open, setOpen] = useState(false);
  const answerable = isAnswerable(row);
  return (
    <li>
      <SessionRow row={row} project={project} place={place} why={why} />
      {answerable && <button type="button" data-answer className={css.answer} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "▾ Not now" : "▸ Answer here"}</button>}
      {answerable && open && <Peek row={row} />}
      {row.waiting_for === "budget" && <RaiseLink session={row} reason={why ?? row.headline} className={css.answer} />}
    </li>
  );
}

function SessionRow({ row, project, place, why }: ItemProps) {
  const waits = row.group === "needs_you" || row.group === "queued";
  return (
    <Link to={`/sessions/${row.session_id}`} className={css.row} data-row>
      <span className={css.state}><SessionState session={row} /></span>
      <span className={css.what}>
        <span className={css.name}>
          <span className={css.title} dir="auto">{nameOf(row)}</span>
          {issuesBesideTitle(row).map((number) => <span key={number} className={css.issue}>{number}</span>)}
          {row.queued_runs > 0 && row.group !== "queued" && <span className={css.queued}>+{row.queued_runs} queued</span>}
          <Chips row={row} project={project} />
        </span>
        <span className={css.headline}><Line text={why || (row.waiting_for ? null : reasonOfWork(row)) || withNames(row.headline || (row.reason_text ?? ""), row.session_id)} /></span>
      </span>
      <span className={css.who}>
        <Line text={[row.agent_name, row.executor_type].filter(Boolean).join(" · ")} />
        <span className={css.where}><Line text={[place, row.model].filter(Boolean).join(" · ")} /></span>
      </span>
      <span className={css.children}>{row.children.total > 0 && <span title="children ended of all">{row.children.ended}/{row.children.total}</span>}</span>
      <span className={css.cost}><Money usage={row.usage} /></span>
      <span className={css.age}><Age at={row.since} before={waits ? "waits " : ""} /></span>
    </Link>
  );
}

/** Where its work is: the project, the branch, the pull request, and what the checks said of it. */
function Chips({ row, project }: { row: Row; project: string | undefined }) {
  const request = row.work?.pull_request_url ?? null;
  const tone = css[toneOfChecks(row.work)] ?? "";
  return (
    <>
      {project && <span className={css.chip}>{inert(project)}</span>}
      {row.workspace?.branch && <span className={`${css.chip} ${css.branch} ${tone}`} title="Branch"><code>{inert(row.workspace.branch)}</code></span>}
      {request && <span className={`${css.chip} ${css.request} ${tone}`} title={request}>{nameOfRequest(request)}</span>}
      <ChecksChip work={row.work} />
    </>
  );
}

function keysOf(list: React.RefObject<HTMLDivElement | null>, search: React.RefObject<HTMLInputElement | null>): readonly Key[] {
  return [
    ...rowKeys(list, "Callboard", "session"),
    { keys: " ", does: "Answer it here", where: "Callboard", walks: true, run: () => list.current?.querySelector<HTMLElement>("li:has([data-row]:focus) [data-answer]")?.click() },
    { keys: "/", does: "Filter", where: "Callboard", run: () => search.current?.focus() },
    { keys: "r", does: "Read everything again", where: "Callboard", run: () => { void loadBoard(); go("/"); } },
  ];
}
