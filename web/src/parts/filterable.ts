// What the filter box finds of a session or a run, and the names of projects that it needs for that.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../api/client";
import type { Run, Runner, Session } from "../api/schema";
import type { Row } from "../live/board";
import type { Filterable } from "../live/filter";
import { short } from "./format";
import { lookOf } from "./states";

const MOST = 200;
const FRESH_MS = 60_000;

/** The names of the projects, by their ids. */
export function useProjectNames(): ReadonlyMap<string, string> {
  const found = useQuery({ queryKey: ["projects", "names"], queryFn: () => call("GET /projects", { query: { limit: MOST } }), staleTime: FRESH_MS });
  return useMemo(() => new Map(found.data?.items.map((one) => [one.project_id, one.name])), [found.data]);
}

/** What the runners are called, by their ids. */
export function useRunnerNames(): ReadonlyMap<string, string> {
  const found = useQuery({ queryKey: ["runners", "names"], queryFn: () => call("GET /runners", { query: { limit: MOST } }), staleTime: FRESH_MS });
  return useMemo(() => new Map(found.data?.items.map((one) => [one.runner_id, `${one.name} ${one.hostname}`])), [found.data]);
}

/** How the place of a session's work is told: its runner by name, and its host where that is another word. */
export function placesOf(runners: readonly Pick<Runner, "runner_id" | "name" | "hostname">[]): ReadonlyMap<string, string> {
  const said = runners.map((one) => ({ id: one.runner_id, place: !one.name || one.name === one.hostname ? one.hostname : `${one.name} (${one.hostname})` }));
  const times = new Map<string, number>();
  for (const { place } of said) times.set(place, (times.get(place) ?? 0) + 1);
  return new Map(said.map(({ id, place }) => [id, (times.get(place) ?? 0) > 1 ? `${place} …${short(id)}` : place]));
}

/** Where runners are, in words, by their ids. */
export function useRunnerPlaces(): ReadonlyMap<string, string> {
  const found = useQuery({ queryKey: ["runners", "names"], queryFn: () => call("GET /runners", { query: { limit: MOST } }), staleTime: FRESH_MS });
  return useMemo(() => placesOf(found.data?.items ?? []), [found.data]);
}

export function filterableSession(row: Row, projects: ReadonlyMap<string, string>, places: ReadonlyMap<string, string>): Filterable {
  return {
    states: [row.group, row.status, row.waiting_for, row.lifecycle, lookOf(row).word],
    project: row.project_id === null ? null : (projects.get(row.project_id) ?? row.project_id),
    runners: [row.hostname, row.binding?.runner_id ?? null, places.get(row.binding?.runner_id ?? "") ?? null], agent: row.agent_name, executor: row.executor_type, model: row.model,
    cost_microdollars: row.usage.cost_microdollars, issues: numbersOf(row.issues),
    texts: [row.title, row.session_id, row.headline, row.workspace?.branch ?? null, row.handle, ...Object.values(row.labels)],
  };
}

/** `session` is that of the run, where it is known; `runner` the name of the run's runner. */
export function filterableRun(run: Run, title: string | null, session: Session | undefined, runner: string | null, projects: ReadonlyMap<string, string>): Filterable {
  const project = session?.project_id ?? null;
  return {
    states: [run.status, lookOf({ status: run.status }).word, run.reason, run.status === "pending" ? "queued" : null, session?.group ?? null],
    project: project === null ? null : (projects.get(project) ?? project),
    runners: [run.runner_id, runner, session?.hostname ?? null], agent: run.agent_name, executor: run.executor_type, model: run.model,
    cost_microdollars: run.usage.cost_microdollars, issues: numbersOf(session?.issues ?? []),
    texts: [title, session?.title ?? null, run.run_id, run.session_id, run.prompt, run.error?.message ?? null, ...(Array.isArray(run.demands.tags) ? run.demands.tags.map(String) : [])],
  };
}

function numbersOf(issues: readonly Record<string, unknown>[]): number[] {
  return issues.map((issue) => Number(issue.number));
}
