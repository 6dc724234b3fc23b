// Everything that agents ask permission for, over all sessions: what exactly, who asks, and one key to decide.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { call } from "../api/client";
import type { Approval } from "../api/schema";
import { useKeys, type Key } from "../keyboard/registry";
import { useFresh } from "../live/fresh";
import { board, useStore } from "../live/stores";
import { Link, useQueryParameter } from "../navigation";
import { ApprovalCard } from "../parts/ApprovalCard";
import { NUMBER_KEYS } from "../parts/QuestionCard";
import { nameOf, short } from "../parts/format";
import { Empty, Id, Loading, Trouble } from "../parts/Parts";
import { Where } from "../parts/Where";
import css from "./Approvals.module.css";

const MOST = 200;
const MOST_SHOWN = 1_000;
const SETTLED = 40;
const ABOUT = /^approval_/;

export default function ApprovalsPage() {
  const [status, setStatus] = useQueryParameter("status", "pending");
  const list = useRef<HTMLDivElement>(null);
  useKeys(useMemo(() => keysOf(list), []));
  useFresh(["approvals"], (event) => ABOUT.test(event.type));
  const found = useQuery({
    queryKey: ["approvals", status === "all" ? "all" : "pending"],
    queryFn: () => (status === "all" ? call("GET /approvals", { query: { limit: SETTLED } }) : everyPending()),
  });
  // Who has waited longest is first; of all, what came last.
  const items = useKept(status === "all" ? found.data?.items : found.data && [...found.data.items].reverse(), status);
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1>Approvals</h1>
        <div role="group" aria-label="Which" className={css.which}>
          <button type="button" aria-pressed={status !== "all"} onClick={() => setStatus("pending")}>Waiting</button>
          <button type="button" aria-pressed={status === "all"} onClick={() => setStatus("all")}>All</button>
        </div>
      </div>
      {found.error && found.data === undefined ? <Trouble problem={found.error} again={() => void found.refetch()} />
        : items === undefined ? <Loading what="what is asked" /> : items.length === 0 ? <Nothing all={status === "all"} /> : (
          <div ref={list} className={css.cards}>{items.map((one) => <One key={one.approval_id} approval={one} />)}</div>
        )}
    </div>
  );
}

/** All that waits: the list begins with the newest, and whoever has waited longest is on its last page. */
async function everyPending(): Promise<{ items: Approval[] }> {
  const items: Approval[] = [];
  let page: string | null | undefined;
  do {
    const next = await call("GET /approvals", { query: { status: "pending", limit: MOST, ...(page ? { page } : {}) } });
    items.push(...next.items);
    page = next.next_page;
  } while (page && items.length < MOST_SHOWN);
  return { items };
}

/** What was decided while somebody looked at it stays where it is, decided: nothing moves under the finger. */
function useKept(items: readonly Approval[] | undefined, view: string): readonly Approval[] | undefined {
  const kept = useRef<{ view: string; all: Map<string, Approval> }>({ view, all: new Map() });
  const ids = new Set(items?.map((one) => one.approval_id));
  if (kept.current.view !== view) kept.current = { view, all: new Map() };
  const gone = [...kept.current.all.values()].filter((one) => !ids.has(one.approval_id));
  const late = useQuery({
    queryKey: ["approvals", "settled", gone.map((one) => one.approval_id).join(",")],
    queryFn: () => call("GET /approvals", { query: { limit: MOST } }),
    enabled: items !== undefined && gone.length > 0,
  }).data?.items;
  if (items === undefined) return undefined;
  const settled = new Map(late?.map((one) => [one.approval_id, one]));
  for (const one of gone) kept.current.all.set(one.approval_id, settled.get(one.approval_id) ?? one);
  for (const one of items) kept.current.all.set(one.approval_id, one);
  return view === "all" ? items : [...kept.current.all.values()].sort((one, other) => (one.requested_at < other.requested_at ? -1 : 1)).slice(-MOST_SHOWN);
}

function Nothing({ all }: { all: boolean }) {
  return (
    <div className={css.nothing}>
      <Empty>{all ? "No agent has asked for permission yet." : "No agent waits for a permission."} An agent asks when it runs with <code>--permission-mode ask</code>; what it asks comes here, on its session, and in <code>callboard approvals list</code>.</Empty>
    </div>
  );
}

const DECISIONS: Record<string, string> = { allowed: "allow", denied: "deny", expired: "expired" };

function One({ approval }: { approval: Approval }) {
  const row = useStore(board).state.rows[approval.session_id];
  return (
    <section className={css.one} aria-label={`${approval.tool_name} of ${row ? nameOf(row) : short(approval.session_id)}`} tabIndex={-1}
      data-approval={approval.approval_id} data-open={approval.status === "pending" || undefined}>
      <p className={css.who}>
        <Link to={`/sessions/${approval.session_id}`}>{row ? nameOf(row) : `Session …${short(approval.session_id)}`}</Link>
        {row?.agent_name && <span>{row.agent_name}</span>}
        {row && <Where session={row} />}
        <Link to={`/chat/${approval.session_id}`}>Talk</Link>
        <Id id={approval.approval_id} />
      </p>
      <ApprovalCard approval={approval} decision={DECISIONS[approval.status] ?? null} />
    </section>
  );
}

function keysOf(list: React.RefObject<HTMLDivElement | null>): readonly Key[] {
  const isOpen = (card: HTMLElement) => card.matches("[data-open]:not(:has([data-settled]))");
  const at = () => (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-approval]") ?? null;
  const step = (by: number) => {
    const cards = [...(list.current?.querySelectorAll<HTMLElement>("[data-approval]") ?? [])];
    const here = cards.indexOf(at() as HTMLElement);
    const before = cards.slice(0, here < 0 ? undefined : here);
    const next = by > 0 ? cards.slice(here + 1).find(isOpen) : before.findLast(isOpen);
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  // Only what is marked is decided: a key that hits whatever is first would decide on what came in between.
  const decide = (name: string) => {
    const one = at();
    if (one && isOpen(one)) one.querySelector<HTMLButtonElement>(`[data-decide=${name}]`)?.click();
    else step(1);
  };
  // What is typed next must have a field to go to: without one it would be keys.
  const reason = () => {
    const one = at();
    if (!one || !isOpen(one)) step(1);
    at()?.querySelector<HTMLElement>("input:not([type=radio], [type=checkbox]), textarea")?.focus();
  };
  return [
    { keys: "j", does: "Next request", where: "Approvals", run: () => step(1) },
    { keys: "k", does: "Request before", where: "Approvals", run: () => step(-1) },
    { keys: "a", does: "Allow the marked one", where: "Approvals", run: () => decide("allow") },
    { keys: "s", does: "Allow the marked one for its session", where: "Approvals", run: () => decide("session") },
    { keys: "d", does: "Deny the marked one", where: "Approvals", run: () => decide("deny") },
    { keys: "r", does: "Give a reason", where: "Approvals", run: reason },
    ...NUMBER_KEYS,
  ];
}
