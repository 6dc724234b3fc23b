// Ctrl+K: a session, an issue, a page, also of a project, a runner or an agent by name, and whatever can be done on the page
// that is open. What can be done comes from the registry of keys; issues and older sessions are asked for.
import { useQueries, useQuery } from "@tanstack/react-query";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { call } from "../api/client";
import { board, useStore } from "../live/stores";
import { go } from "../navigation";
import { TABS, workAddress } from "../pages/work/address";
import { useProjectNames, useRunnerPlaces } from "../parts/filterable";
import { nameOf } from "../parts/format";
import { inert } from "../parts/inert";
import { Dialog } from "../parts/Parts";
import { useSettled } from "../parts/settled";
import { lookOf } from "../parts/states";
import css from "./Palette.module.css";
import { ranked, type Named } from "./ranking";
import { keys, palette, type Key } from "./registry";

interface Entry extends Named {
  id: string;
  kind: "Here" | "Session" | "Issue" | "Page" | "Agent" | "Runner";
  keys?: string;
  run: () => void;
}

const MOST = 12;
const OLDER = 6;
const ISSUES = 5;
/** In how many projects issues are looked for at once. */
const PROJECTS = 8;
const FRESH_MS = 10_000;
const SESSION = /^ses_[0-9a-z]{26}$/;

export default function Palette() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const close = () => palette.set(false);
  const found = useEntries(text);
  const chosen = found[Math.min(at, found.length - 1)];
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    // The dialog gives the focus back first: what runs may set it anew.
    requestAnimationFrame(entry.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && found.length > 0) setAt((Math.min(at, found.length - 1) + step + found.length) % found.length);
    else if (event.key === "Enter" && !event.nativeEvent.isComposing) run(chosen);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <Dialog title="Go to, or do" onClose={close}>
      <input className={css.field} role="combobox" aria-expanded="true" aria-controls={list} aria-label="A session, an issue, a page, an agent or an action"
        aria-activedescendant={chosen ? `${list}-${chosen.id}` : undefined} aria-autocomplete="list" placeholder="A session, an issue, a page, an agent, an action"
        value={text} autoFocus autoComplete="off" spellCheck={false} onKeyDown={onKeyDown}
        onChange={(event) => { setText(event.target.value); setAt(0); }} />
      <ul id={list} role="listbox" aria-label="What fits" className={css.list}>
        {found.map((entry) => (
          <Option key={entry.id} entry={entry} id={`${list}-${entry.id}`} selected={entry === chosen} onRun={() => run(entry)} />
        ))}
      </ul>
      {found.length === 0 && <p role="status" className={css.nothing}>Nothing is called so. A session is also found by its id, its agent or what it says.</p>}
    </Dialog>
  );
}

function Option({ entry, id, selected, onRun }: { entry: Entry; id: string; selected: boolean; onRun: () => void }) {
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (selected) element.current?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  return (
    <li ref={element} id={id} role="option" aria-selected={selected} className={`${css.option} ${selected ? css.selected : ""}`} onClick={onRun}>
      <span className={css.kind}>{entry.kind}</span>
      <span className={css.name} dir="auto">{entry.name}</span>
      <span className={css.detail} dir="auto">{entry.detail}</span>
      {entry.keys && <span className={css.keys} aria-hidden="true">{entry.keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</span>}
    </li>
  );
}

/** Issues by number or words of their title, of the known projects. */
function useIssues(asked: string, projects: ReadonlyMap<string, string>): Entry[] {
  return useQueries({
    queries: [...projects].slice(0, PROJECTS).map(([project_id, project]) => ({
      queryKey: ["palette", "issues", project_id, asked],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const found = await call("GET /projects/{project_id}/issues", { path: { project_id }, query: { q: asked, limit: ISSUES }, signal });
        return found.items.map((one): Entry => ({
          id: `issue-${project_id}-${one.number}`, kind: "Issue", name: `#${one.number} ${inert(one.title)}`,
          detail: inert([project, one.state, one.session_id && "at work"].filter(Boolean).join(" · ")), run: () => go(workAddress(project, "issues", one.number)),
        }));
      },
      enabled: asked.length >= 2,
      staleTime: FRESH_MS,
    })),
    combine: entriesOf,
  });
}

function entriesOf(found: readonly { data: Entry[] | undefined }[]): Entry[] {
  return found.flatMap((one) => one.data ?? []);
}

function useEntries(text: string): Entry[] {
  const { state } = useStore(board);
  const registered = useStore(keys);
  const agents = useQuery({ queryKey: ["agents", "palette"], queryFn: () => call("GET /agents", { query: { limit: 200 } }) });
  const projects = useProjectNames();
  const runners = useRunnerPlaces();
  const asked = useSettled(text.trim());
  const older = useQuery({
    queryKey: ["palette", asked],
    queryFn: ({ signal }) => call("GET /sessions", { query: { q: asked, limit: OLDER }, signal }),
    enabled: asked.length >= 3,
  });
  const issues = useIssues(asked, projects);
  return useMemo(() => {
    const rows = Object.values(state.rows).sort((one, other) => (one.since < other.since ? 1 : -1));
    const known = new Set(rows.map((row) => row.session_id));
    const sessions = [...rows, ...(older.data?.items ?? []).filter((one) => !known.has(one.session_id))].map((one): Entry => ({
      id: one.session_id, kind: "Session", name: nameOf(one),
      detail: inert([lookOf(one).word, one.agent_name, one.hostname, `…${one.session_id.slice(-6)}`].filter(Boolean).join(" · ")),
      run: () => go(`/sessions/${one.session_id}`),
    }));
    const named = (agents.data?.items ?? []).map((one): Entry => ({
      id: `agent-${one.name}`, kind: "Agent", name: inert(one.name), detail: inert(one.description ?? ""), run: () => go(`/agents/${encodeURIComponent(one.name)}`),
    }));
    const ofProjects = [...projects.values()].flatMap((project) => TABS.map(([tab, word]): Entry => ({
      id: `work-${project}-${tab}`, kind: "Page", name: `${inert(project)} · ${word}`, detail: "Work", run: () => go(workAddress(project, tab)),
    })));
    const places = [...runners].map(([id, place]): Entry => ({ id, kind: "Runner", name: inert(place), detail: `…${id.slice(-6)}`, run: () => go(`/runners/${id}`) }));
    const pages = actionsOf(registered.filter((one) => one.where === "Go to"), "Page");
    const here = actionsOf(registered.filter((one) => one.where !== "Go to" && !one.walks && one.keys !== "Ctrl+K"), "Here");
    const found = ranked([...here, ...pages, ...sessions, ...issues, ...named, ...ofProjects, ...places], text, MOST);
    const id = text.trim();
    if (found.length === 0 && SESSION.test(id)) found.push({ id, kind: "Session", name: id, detail: "by its id", run: () => go(`/sessions/${id}`) });
    return found;
  }, [state, registered, agents.data, projects, runners, older.data, issues, text]);
}

function actionsOf(registered: readonly Key[], kind: Entry["kind"]): Entry[] {
  return registered.map((one, index) => ({
    id: `${kind}-${index}`, kind, name: one.does, detail: one.where === "Go to" ? "" : one.where, keys: one.keys, run: one.run,
  }));
}
