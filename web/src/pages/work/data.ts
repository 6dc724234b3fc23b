// What the pages of work read, and what keeps it fresh: events of sessions of this project, never time alone.
import { useQuery, type QueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { call, Problem } from "../../api/client";
import type { Issue, Job, Milestone, Project, Session, Task } from "../../api/schema";
import { useFresh } from "../../live/fresh";
import { board, useStore } from "../../live/stores";
import type { Event } from "../../live/types";

const PAGE = 200;
export const MOST = 1_000;
const GATHER_MS = 400;
/** Tasks are told with what their checks printed. */
const LONG_GATHER_MS = 1_200;
const SLICE_SECONDS = 3;
const AGAIN_MS = 1_000;

/** Issues are made at the command line and at trackers, of which no event tells: looked at again now and then. */
const NOW_AND_THEN_MS = 60_000;
const SOON_MS = 5_000;

const MOVES = new Set(["lifecycle_changed", "session_updated", "guidance"]);
const ITERATES = new Set([...MOVES, "run_queued", "run_start", "run_completed"]);

interface Paged<T> {
  items: T[];
  next_page: string | null;
}

async function whole<T>(read: (page: object) => Promise<Paged<T>>): Promise<T[]> {
  const found: T[] = [];
  let page: string | null = null;
  do {
    const next: Paged<T> = await read({ limit: PAGE, ...(page ? { page } : {}) });
    found.push(...next.items);
    page = next.next_page;
  } while (page && found.length < MOST);
  return found;
}

export function useProjects() {
  return useQuery<Project[], Error>({ queryKey: ["work", "projects"], queryFn: () => whole((page) => call("GET /projects", { query: page })) });
}

/** A project by its name or its id. */
export function useProject(named: string) {
  return useQuery<Project, Error>({
    queryKey: ["work", "project", named],
    queryFn: async () => {
      if (/^prj_[0-9a-z]{26}$/.test(named)) return call("GET /projects/{project_id}", { path: { project_id: named } });
      const [found] = (await call("GET /projects", { query: { name: named } })).items;
      if (!found) throw new Problem(404, "project_not_found", `There is no project “${named}”.`, "On the machine of its repository: callboard project add PATH");
      return found;
    },
    // Runners come and go without an event; who waits for one is told soon.
    refetchInterval: (query) => (query.state.data && runnersOf(query.state.data).length === 0 ? SOON_MS : NOW_AND_THEN_MS),
  });
}

/** Whether an event is of a session of this project; of a session that nobody has read yet it may be. */
function concerns(projectId: string, types: ReadonlySet<string>): (event: Event) => boolean {
  return (event) => {
    if (!types.has(event.type)) return false;
    const row = board.get().state.rows[event.session_id];
    return row === undefined || row.project_id === projectId;
  };
}

/** The callboard forgets a session that is put away, and tells no more of it. */
function putAway(event: Event): boolean {
  return (event.type === "lifecycle_changed" && event.payload.to === "deleted") || (event.type === "session_updated" && "archived_at" in event.payload);
}

/** Reads what is shown of the project again when its work moves. */
export function useFreshWork(projectId: string): void {
  useFresh(["work", projectId, "moves"], concerns(projectId, MOVES), GATHER_MS);
  useFresh(["work", projectId, "iterates"], concerns(projectId, ITERATES), LONG_GATHER_MS);
  useFresh(["work", projectId, "sessions"], putAway, GATHER_MS);
  useFresh(["work", "project"], concerns(projectId, MOVES), GATHER_MS);
}

export const workKey = (projectId: string) => ["work", projectId];

/** Issues, newest first; those of all states with the empty text. Who holds which is told by the sessions, live. */
export function useIssues(project: Project, state: "open" | "closed" | "" = "open") {
  return useQuery<Issue[], Error>({
    queryKey: [...workKey(project.project_id), "issues", state],
    queryFn: () => whole((page) => call("GET /projects/{project_id}/issues", { path: { project_id: project.project_id }, query: { ...page, ...(state ? { state } : {}) } })),
    refetchInterval: NOW_AND_THEN_MS,
    placeholderData: (before) => before,
  });
}

export function useIssue(project: Project, number: number) {
  return useQuery<Issue, Error>({
    queryKey: [...workKey(project.project_id), "moves", "issue", number],
    queryFn: () => call("GET /projects/{project_id}/issues/{number}", { path: { project_id: project.project_id, number } }),
  });
}

export function useTasks(project: Project) {
  return useQuery<Task[], Error>({
    queryKey: [...workKey(project.project_id), "iterates", "tasks"],
    queryFn: () => whole((page) => call("GET /tasks", { query: { ...page, project_id: project.project_id } })),
  });
}

export function useMilestones(project: Project) {
  return useQuery<Milestone[], Error>({
    queryKey: [...workKey(project.project_id), "iterates", "milestones"],
    queryFn: () => whole((page) => call("GET /milestones", { query: { ...page, project_id: project.project_id } })),
  });
}

/** A work session with what the callboard says of it. */
export interface WorkRow extends Session {
  headline: string | null;
}

/** The project's work sessions by their id: all active ones and the newest of the others, each as the callboard has it now. */
export function useWorkSessions(project: Project) {
  const read = useQuery<Session[], Error>({
    queryKey: [...workKey(project.project_id), "sessions"],
    queryFn: async () => {
      const query = { project: project.name, work: true, limit: PAGE };
      const pages = await Promise.all([call("GET /sessions", { query }), call("GET /sessions", { query: { ...query, lifecycle: "active" } })]);
      return pages.flatMap((page) => page.items);
    },
    refetchInterval: NOW_AND_THEN_MS,
  });
  const { rows } = useStore(board).state;
  const sessions = useMemo(() => {
    const found = new Map<string, WorkRow>();
    for (const one of read.data ?? []) found.set(one.session_id, { ...one, headline: one.work?.stuck_reason ?? null });
    for (const row of Object.values(rows)) if (row.project_id === project.project_id && row.handle !== null) found.set(row.session_id, row);
    return found;
  }, [read.data, rows, project.project_id]);
  return { sessions, read };
}

export interface Followed {
  job: Job | null;
  problem: Problem | null;
}

/** A job as it stands, until it has ended; a coordinator that is away is asked again. */
export function useJob(jobId: string | null): Followed {
  const [found, setFound] = useState<Followed & { of: string | null }>({ job: null, problem: null, of: null });
  useEffect(() => {
    if (jobId === null) return;
    const abort = new AbortController();
    void follow(jobId, abort.signal, (job) => setFound({ job, problem: null, of: jobId }), (problem) => setFound((before) => ({ ...before, problem, of: jobId })));
    return () => abort.abort();
  }, [jobId]);
  return found.of === jobId ? found : { job: null, problem: null };
}

async function follow(jobId: string, signal: AbortSignal, tell: (job: Job) => void, complain: (problem: Problem) => void): Promise<void> {
  for (let seconds = 0; !signal.aborted; seconds = SLICE_SECONDS) {
    try {
      const job = await call("GET /jobs/{job_id}/wait", { path: { job_id: jobId }, query: { timeout: seconds }, signal });
      if (signal.aborted) return;
      tell(job);
      if (job.ended_at !== null) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      complain(error);
      if (!error.isTemporary) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

const MOST_TRIES = 60;
const AWAY = new Set([0, 502, 503, 504]);

/** Asks until the coordinator answers; only for what is done once however often it is asked. */
export async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = MOST_TRIES; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      const passing = error instanceof Problem && (AWAY.has(error.status) || error.code === "idempotency_in_flight");
      if (!passing || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** The job once it has ended; its failure is a Problem in the runner's words. */
export async function ended(job: Job): Promise<Job> {
  let found = job;
  while (found.ended_at === null) found = await untilAnswered(() => call("GET /jobs/{job_id}/wait", { path: { job_id: job.job_id }, query: { timeout: 20 } }));
  if (found.status !== "done") throw failureOf(found);
  return found;
}

export function failureOf(job: Job): Problem {
  const { code, message, hint } = job.error ?? {};
  return new Problem(409, String(code ?? "runner_failed"), String(message ?? "The runner could not do it."), String(hint ?? ""));
}

/** How many runners are online at places of the project. */
export function runnersOf(project: Project): string[] {
  return [...new Set(project.locations.flatMap((place) => place.runner_ids))];
}

/** Everything that shows this session's work is read again, after somebody has changed it here. */
export async function readAgain(queries: QueryClient, session: { session_id: string }): Promise<void> {
  await Promise.all([queries.invalidateQueries({ queryKey: ["session", session.session_id] }), queries.invalidateQueries({ queryKey: ["work"] })]);
}

/** The executors that runners offer which are online at places of the project, on one host if that is chosen; null while unknown. */
export function useOffered(project: Project, hostname = ""): readonly string[] | null {
  const runners = useQuery({ queryKey: ["runners", "newest"], queryFn: () => call("GET /runners", { query: { limit: 200 } }) });
  if (runners.data === undefined) return null;
  const there = new Set(project.locations.filter((place) => hostname === "" || place.hostname === hostname).flatMap((place) => place.runner_ids));
  return [...new Set(runners.data.items.filter((one) => there.has(one.runner_id)).flatMap((one) => one.executor_types))].sort();
}
