// Runs of all sessions by their status: those that wait with why they wait and where they stand, the others with how
// they went. One run alone has the answer of every runner.
import { useInfiniteQuery, useQuery, type InfiniteData } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { call, Problem } from "../api/client";
import type { Page, Run, WaitingRun } from "../api/schema";
import { useKeys } from "../keyboard/registry";
import { fitsFilter, readFilter, type Filter } from "../live/filter";
import { useFresh } from "../live/fresh";
import { board, useStore } from "../live/stores";
import { STATE_TYPES, type Event } from "../live/types";
import { Link, useQueryParameter } from "../navigation";
import { filterableRun, useProjectNames, useRunnerNames } from "../parts/filterable";
import { FilterBox } from "../parts/FilterBox";
import { short } from "../parts/format";
import layout from "../parts/layout.module.css";
import { Button, Empty, Loading, Trouble } from "../parts/Parts";
import { VirtualList } from "../parts/VirtualList";
import type { Parameters } from "../routes";
import { OneRun } from "./runs/OneRun";
import { RunRow, WaitingRow } from "./runs/Rows";

export const STATUSES: readonly [string, string, string][] = [
  ["", "Waiting", "Nothing waits: every run has a runner, or has ended."],
  ["running", "Running", "No agent works now."],
  ["interrupted", "Interrupted", "Contact with no run's runner is lost."],
  ["completed", "Completed", "No run has completed yet."],
  ["failed", "Failed", "No run has failed."],
  ["stopped", "Stopped", "No run was stopped."],
  ["all", "All", "Nothing has run yet."],
];
const PAGE = 50;
/** How far a filter looks by itself. */
const MOST_PAGES = 10;
const states = new Set<string>(STATE_TYPES);
const concerns = (event: Event) => states.has(event.type);

export default function RunsPage({ parameters }: { parameters: Parameters }) {
  return parameters.run_id ? <OneRun key={parameters.run_id} runId={parameters.run_id} /> : <AllRuns />;
}

type Listed = { waiting: WaitingRun } | { run: Run };
const runOf = (one: Listed) => ("run" in one ? one.run : one.waiting.run);

/** The pages of a list that were read, and how to read another one. */
function useRuns(status: string, runnerId: string) {
  useFresh(["runs"], concerns);
  const read = async (page: string | undefined): Promise<Page<Listed>> => {
    const paged = { limit: PAGE, ...(page ? { page } : {}) };
    if (status === "" && !runnerId) {
      const found = await call("GET /queue", { query: paged });
      return { ...found, items: found.items.map((waiting) => ({ waiting })) };
    }
    const wanted = status === "all" || (runnerId && status === "") ? {} : { status: status as "running" };
    const found = await call("GET /runs", { query: { ...paged, ...wanted, ...(runnerId ? { runner_id: runnerId } : {}) } });
    return { ...found, items: found.items.map((run) => ({ run })) };
  };
  return useInfiniteQuery<Page<Listed>, Error, InfiniteData<Page<Listed>>, unknown[], string | undefined>({
    queryKey: ["runs", status, runnerId],
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined,
    getNextPageParam: (last) => last.next_page ?? undefined,
    // What waits moves up without any event of its own, too.
    refetchInterval: status === "" ? 15_000 : false,
  });
}

function AllRuns() {
  const [status] = useQueryParameter("status");
  const [runnerId] = useQueryParameter("runner");
  const runs = useRuns(status, runnerId);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [words, setWords] = useQueryParameter("q");
  const box = useRef<HTMLInputElement>(null);
  useKeys(useMemo(() => [{ keys: "/", does: "Filter", where: "Runs", run: () => box.current?.focus() }], []));
  const filter = useMemo(() => readFilter(words), [words]);
  const fits = useFits(filter);
  const read = (runs.data?.pages.flatMap((page) => page.items) ?? []).filter(fits);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = runs;
  const wanting = filter.tokens.length > 0 && read.length < PAGE && hasNextPage && (runs.data?.pages.length ?? 0) < MOST_PAGES;
  useEffect(() => {
    if (wanting && !isFetchingNextPage) void fetchNextPage();
  }, [wanting, isFetchingNextPage, fetchNextPage]);
  // Places are known once all that waits was read; until then the oldest stand first.
  const items = runs.hasNextPage ? read : [...read].sort((one, other) => placeOf(one) - placeOf(other));
  const toggle = (id: string) => setOpened((before) => {
    const after = new Set(before);
    if (!after.delete(id)) after.add(id);
    return after;
  });
  const empty = STATUSES.find(([name]) => name === status)?.[2] ?? "There is no such status.";
  return (
    <div className={layout.tall}>
      <div className={layout.head}>
        <h1>{status === "" && !runnerId ? "Queue" : "Runs"}</h1>
        {runnerId && <RunnerFilter runnerId={runnerId} />}
        <FilterBox field={box} label="Filter runs" value={words} onChange={setWords} filter={filter} />
      </div>
      <nav className={layout.segments} aria-label="Status of the runs">
        {STATUSES.map(([name, word]) => (
          <Link key={name} to={listAddress(name, runnerId, words)} aria-current={name === status ? "true" : undefined}>
            {runnerId && name === "" ? "Any" : word}{name === status && runs.data ? <Count runs={items.length} more={runs.hasNextPage} /> : null}
          </Link>
        ))}
      </nav>
      {runs.error && runs.data === undefined ? <Trouble problem={runs.error} again={() => void runs.refetch()} /> : runs.data === undefined ? <Loading what="the runs" /> : items.length === 0 ? (
        filter.tokens.length > 0 ? <Empty>{wanting || isFetchingNextPage ? "Looking …" : "None of these runs fits."}</Empty> : <div className={layout.first}>
          <p>{runnerId ? "This runner has none of these." : empty}</p>
          {status === "" && !runnerId && <><p className={layout.soft}>A run waits here for a free slot, for its turn in its session, or for a runner that meets its demands, such as a tag:</p>
            <pre tabIndex={0}><code>callboard run "train" --tag gpu</code></pre></>}
        </div>
      ) : (
        <div className={layout.fill}>
          <VirtualList items={[...items, ...(runs.hasNextPage ? ["more" as const] : [])]} keyOf={(one) => (one === "more" ? one : runOf(one).run_id)}
            label={status === "" ? "Waiting runs" : "Runs"} estimate={72}>
            {(one) => one === "more" ? <div className={layout.card}><Button disabled={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>Show more</Button></div>
              : "waiting" in one ? <WaitingRow waiting={one.waiting} open={opened.has(runOf(one).run_id)} onToggle={() => toggle(runOf(one).run_id)} />
                : <RunRow run={one.run} />}
          </VirtualList>
        </div>
      )}
    </div>
  );
}

/** What no runner may take first, then by place, then what something else holds up. */
function placeOf(one: Listed): number {
  if ("run" in one) return 0;
  const { why } = one.waiting;
  return why.code === "no_matching_runner" || why.code === "no_runner" ? 0 : (why.place_in_queue ?? Number.MAX_SAFE_INTEGER);
}

/** Whether a run is one of those that the filter lets through. */
function useFits(filter: Filter): (one: Listed) => boolean {
  const projects = useProjectNames();
  const runners = useRunnerNames();
  const { rows } = useStore(board).state;
  return (one) => {
    if (filter.tokens.length === 0) return true;
    const run = runOf(one);
    const title = "run" in one ? null : one.waiting.title;
    return fitsFilter(filterableRun(run, title, rows[run.session_id], runners.get(run.runner_id ?? "") ?? null, projects), filter);
  };
}

function listAddress(status: string, runnerId: string, words: string): string {
  const query = new URLSearchParams({ ...(status ? { status } : {}), ...(runnerId ? { runner: runnerId } : {}), ...(words ? { q: words } : {}) }).toString();
  return query ? `/runs?${query}` : "/runs";
}

function Count({ runs, more }: { runs: number; more: boolean }) {
  return <span className={`${layout.soft} ${layout.number}`}>{runs}{more ? "+" : ""}</span>;
}

function RunnerFilter({ runnerId }: { runnerId: string }) {
  const runner = useQuery({ queryKey: ["runners", runnerId], queryFn: () => call("GET /runners/{runner_id}", { path: { runner_id: runnerId } }) });
  const gone = runner.error instanceof Problem && runner.error.status === 404;
  return (
    <span className={layout.line}>
      <span className={layout.soft}>of the runner {gone ? `…${short(runnerId)} (gone)` : <Link to={`/runners/${runnerId}`}>{runner.data?.name || runner.data?.hostname || `…${short(runnerId)}`}</Link>}</span>
      <Link to="/runs">All runners</Link>
    </span>
  );
}
