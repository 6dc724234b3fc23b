// What was used and what it cost: from a total to a group, from a group to its sessions, from a session to the run that
// caused it, by three clicks. Every figure is a sum that the coordinator made; an unknown price is never nothing.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../api/client";
import type { UsageGroup, UsageTotal } from "../api/schema";
import { serverNow } from "../live/clock";
import { useFresh } from "../live/fresh";
import { board, useStore } from "../live/stores";
import type { Event } from "../live/types";
import { Link, useQueryParameter } from "../navigation";
import { count, money, nameOf, short } from "../parts/format";
import { inert } from "../parts/inert";
import layout from "../parts/layout.module.css";
import { Loading, Trouble } from "../parts/Parts";
import { usageAddress, type Place } from "./usage/address";
import { BudgetBar } from "./usage/Budget";
import { Days } from "./usage/Days";
import { GroupTable, KINDS } from "./usage/GroupTable";
import { OneSession } from "./usage/OneSession";
import { sumOf } from "./usage/sums";
import css from "./usage/usage.module.css";

const GROUPINGS: readonly [string, string][] = [
  ["day", "Day"], ["project", "Project"], ["user", "User"], ["agent", "Agent"], ["model", "Model"], ["executor", "Executor"],
  ["runner", "Runner"], ["milestone", "Milestone"], ["tree", "Tree"], ["session", "Session"],
];
const PERIODS: readonly [string, string][] = [["1", "Today"], ["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];
/** Groups whose key says nothing to a person. */
const BY_ID = new Set(["session", "tree", "user", "runner"]);
const DAY_MS = 86_400_000;
const MOST = 200;
/** Booked with every call to a model: read again once a second at most, and turn by turn less often. */
const GATHER_MS = 1_000;
const CHANGES = new Set(["run_completed", "usage", "budget_changed"]);

export default function UsagePage() {
  useFresh(["usage"], (event: Event) => CHANGES.has(event.type), GATHER_MS);
  const [by] = useQueryParameter("by", "day");
  const [days] = useQueryParameter("days", "7");
  const [within] = useQueryParameter("in");
  const [session] = useQueryParameter("session");
  const place = useMemo(() => ({ by, days, within, session }), [by, days, within, session]);
  const midnight = Math.floor(serverNow() / DAY_MS) * DAY_MS;
  const from = new Date(midnight - ((Number(days) || 7) - 1) * DAY_MS).toISOString();
  return (
    <div className={layout.page}>
      <div className={layout.head}>
        <h1>Usage</h1>
        <nav className={layout.segments} aria-label="Time">
          {PERIODS.map(([name, word]) => <Link key={name} to={usageAddress({ ...place, days: name })} aria-current={name === days ? "true" : undefined}>{word}</Link>)}
        </nav>
      </div>
      {!within && !session && (
        <nav className={`${layout.segments} ${css.groupings}`} aria-label="Summed up by">
          {GROUPINGS.map(([name, word]) => <Link key={name} to={usageAddress({ ...place, by: name })} aria-current={name === by ? "true" : undefined}>{word}</Link>)}
        </nav>
      )}
      {(within || session) && <Crumbs place={place} from={from} />}
      <Total place={place} from={from} />
      {session ? <OneSession place={place} from={from} /> : <Groups place={place} from={from} />}
      {!within && !session && <Budgets place={place} />}
      <p className={`${layout.soft} ${layout.small}`}>
        Days are those of UTC. – means that the price is not known; + that of a part it is not known; ~ is an estimate at list
        price, which a subscription or a contract may differ from.
      </p>
    </div>
  );
}

/** The groups of a grouping, the dearest first; days are in their order. */
function useGroups(groupBy: string, place: Place, from: string) {
  const query = { from, limit: MOST, group_by: groupBy as "day", order: groupBy === "day" ? ("key" as const) : ("cost" as const),
    ...(place.within ? { within: place.within } : {}), ...(place.session ? { session_id: place.session } : {}) };
  return useQuery({ queryKey: ["usage", "groups", query], queryFn: () => call("GET /usage", { query }), placeholderData: (before) => before });
}

function Total({ place, from }: { place: Place; from: string }) {
  const days = useGroups("day", place, from);
  if (days.data === undefined) return days.error ? <Trouble problem={days.error} again={() => void days.refetch()} /> : <Loading what="the ledger" />;
  const total = sumOf(days.data.items.map((day) => day.usage));
  const empty = days.data.items.length === 0;
  return (
    <section className={layout.card} aria-label="Total">
      <Figure total={total} />
      {!empty && <dl className={css.split}>
        {[...KINDS, ["turns", "Turns"] as const].map(([kind, word]) => <div key={kind}><dt>{word}</dt><dd className={layout.number} title={String(total[kind])}>{count(total[kind])}</dd></div>)}
      </dl>}
      {!empty && !place.within.startsWith("day:") && <Days days={days.data.items} from={from} place={place} />}
      {empty && <p className={layout.soft}>Nothing was booked in this time. Agents report what they use; <code>callboard run</code> something, or look further back.</p>}
    </section>
  );
}

function Figure({ total }: { total: UsageTotal }) {
  const unknown = total.cost_microdollars === null;
  return (
    <p className={layout.line}>
      <strong style={{ fontSize: 26, letterSpacing: "-0.02em" }} className={layout.number}>{money(total)}</strong>
      <span className={layout.soft}>
        {unknown ? "of no known price" : total.estimated ? "estimate at list price" : "as the agents' providers told"}
        {!unknown && total.unpriced ? "; some of it has no known price" : ""}
      </span>
    </p>
  );
}

function Groups({ place, from }: { place: Place; from: string }) {
  const level = place.within ? "session" : place.by;
  const groups = useGroups(level, place, from);
  if (groups.data === undefined) return groups.error ? <Trouble problem={groups.error} again={() => void groups.refetch()} /> : <Loading what="the groups" />;
  const items = level === "day" ? [...groups.data.items].reverse() : groups.data.items;
  if (items.length === 0) return null;
  const next = (group: UsageGroup) => level === "session"
    ? (group.key ? usageAddress({ ...place, session: group.key }) : null)
    : usageAddress({ ...place, within: `${level}:${group.key}` });
  return (
    <>
      <GroupTable heading={GROUPINGS.find(([name]) => name === level)?.[1] ?? level} items={items} nameOf={(group) => groupName(level, group)} next={next} note={(group) => <Thing grouping={level} id={group.key} />} />
      {groups.data.next_page && <p className={layout.soft}>Only the {MOST} {level === "day" ? "first" : "dearest"} are shown.</p>}
    </>
  );
}

/** What a group is called; what has no agent, project, runner or milestone says so. */
export function groupName(grouping: string, group: { key: string; name?: string | null }): string {
  if (group.key === "") return grouping === "user" ? "not recorded" : `without ${grouping === "agent" ? "an agent" : `a ${grouping}`}`;
  if (group.name) return inert(group.name);
  if (!BY_ID.has(grouping)) return inert(group.key);
  return `…${short(group.key)}${group.name === null ? " (removed)" : ""}`;
}

/** What the id of a group is the id of: the way to its page, where it has one. */
function Thing({ grouping, id }: { grouping: string; id: string }) {
  if (id === "") return null;
  if (grouping === "runner") return <Link to={`/runners/${id}`}><span className="unseen">Runner </span>rnr_…{short(id)}</Link>;
  if (grouping === "tree") return <Link to={`/tree/${id}`}><span className="unseen">Tree </span>ses_…{short(id)}</Link>;
  return grouping === "user" ? <span title="The token that it was asked for with">tok_…{short(id)}</span> : null;
}

function Crumbs({ place, from }: { place: Place; from: string }) {
  const [grouping = "", ...rest] = place.within.split(":");
  const key = rest.join(":");
  const known = useGroups(grouping || "session", { ...place, session: "" }, from);
  const name = groupName(grouping, known.data?.items.find((group) => group.key === key) ?? { key });
  const row = useStore(board).state.rows[place.session];
  return (
    <nav className={layout.crumbs} aria-label="Narrowed to">
      <Link to={usageAddress({ ...place, within: "", session: "" })}>All by {grouping || place.by}</Link>
      {place.within && <><span aria-hidden="true">›</span>{place.session
        ? <Link to={usageAddress({ ...place, session: "" })}>{name}</Link>
        : <span aria-current="page">{name}</span>}<Thing grouping={grouping} id={key} /></>}
      {place.session && <><span aria-hidden="true">›</span><span aria-current="page" dir="auto">{row ? nameOf(row) : `…${place.session.slice(-6)}`}</span></>}
    </nav>
  );
}

/** The budgets that hold on the callboard, the fullest first. */
function Budgets({ place }: { place: Place }) {
  const { state } = useStore(board);
  const rows = Object.values(state.rows).filter(({ budget, session_id }) => budget?.session_id === session_id && (budget.budget_microdollars !== null || budget.budget_tokens !== null));
  const part = ({ budget }: (typeof rows)[number]) => Math.max(0, ...(budget ? [budget.spent_microdollars / (budget.budget_microdollars ?? Infinity), budget.spent_tokens / (budget.budget_tokens ?? Infinity)] : []));
  rows.sort((one, other) => part(other) - part(one));
  return (
    <section className={layout.card} aria-labelledby="budgets">
      <h2 id="budgets">Budgets</h2>
      {rows.length === 0 ? <p className={layout.soft}>No session on the callboard has a budget. <code>callboard run … --budget 2.50</code> sets one: it and all below it stop before they spend more.</p>
        : rows.slice(0, 20).map((row) => row.budget && (
          <div key={row.session_id} className={layout.labelled}>
            <Link to={usageAddress({ ...place, session: row.session_id })}>{nameOf(row)}</Link>
            <BudgetBar budget={row.budget} />
          </div>
        ))}
    </section>
  );
}
