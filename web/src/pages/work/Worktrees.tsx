// The worktrees at the places of a project, as a runner of each sees them now; those that are left over can be removed.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Location, Project } from "../../api/schema";
import { Link } from "../../navigation";
import { useAttempt } from "../../parts/actions";
import { nameOf } from "../../parts/format";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Empty, Loading, State, Trouble } from "../../parts/Parts";
import { Check } from "../agents/Fields";
import { ended, useWorkSessions, type WorkRow } from "./data";
import { isActive, lifecycleLook, ownerOf, type Worktree } from "./lifecycle";
import { Losing, lossOf, type Loss } from "./Losing";
import css from "./Work.module.css";

interface Shown extends Worktree {
  owner: WorkRow | null;
}

export function Worktrees({ project }: { project: Project }) {
  const [every, setEvery] = useState(false);
  const [removing, setRemoving] = useState<Worktree | null>(null);
  const { sessions, read } = useWorkSessions(project);
  const seen = project.locations.filter((place) => place.runner_ids.length > 0);
  // Not below ["work"]: looking costs a runner some work, and is done when somebody asks for it.
  const found = useQuery<Worktree[], Error>({
    queryKey: ["worktrees", project.project_id, seen.map((place) => `${place.hostname}:${place.path}`)],
    queryFn: async () => (await Promise.all(seen.map((place) => look(project, place)))).flat(),
    enabled: seen.length > 0,
    staleTime: Infinity,
    retry: false,
  });
  if (seen.length === 0) return <Empty>Worktrees are looked at by a runner of their place, and none is online.</Empty>;
  if (found.data === undefined || read.data === undefined) {
    return found.error ? <Trouble problem={found.error} again={() => void found.refetch()} /> : <Loading what="the worktrees" />;
  }
  const all = found.data.map((one): Shown => ({ ...one, owner: ownerOf(one, sessions.values()) }));
  const shown = all.filter((one) => every || one.owner === null || !isActive(one.owner));
  return (
    <>
      <div className={css.tools}>
        <Check label="Also those of work that goes on" checked={every} onChange={setEvery} />
        <span className={layout.end}><Button look="quiet" disabled={found.isFetching} onClick={() => void found.refetch()}>↻ Look again</Button></span>
      </div>
      {project.locations.length > seen.length && <p className={layout.soft}>Places without a runner online were not looked at.</p>}
      {found.error && <Trouble problem={found.error} />}
      {shown.length === 0 ? <Empty>{all.length === 0 ? "There is no worktree." : `No worktree is left over; ${all.length} of work that goes on.`}</Empty> : (
        <ul className={css.milestones} aria-label="Worktrees">
          {shown.map((one) => <li key={`${one.hostname}:${one.path}`} className={layout.card}><Row one={one} onRemove={() => setRemoving(one)} /></li>)}
        </ul>
      )}
      {removing && <RemoveDialog project={project} worktree={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

async function look(project: Project, place: Location): Promise<Worktree[]> {
  const options = { hostname: place.hostname, repository: place.path };
  const job = await ended(await call("POST /projects/{project_id}/jobs", { path: { project_id: project.project_id }, body: { kind: "list_worktrees", options } }));
  return (job.answer as Worktree[]).map((one) => ({ ...one, ...options }));
}

function Row({ one, onRemove }: { one: Shown; onRemove: () => void }) {
  return (
    <>
      <div className={layout.line}>
        <h2 className={`${layout.mono} ${layout.small}`}>{inert(`${one.hostname}:${one.path}`)}</h2>
        {(one.owner === null || !isActive(one.owner)) && one.half_made_for === null && <span className={layout.end}><Button look="danger" onClick={onRemove}>Remove</Button></span>}
      </div>
      <div className={`${layout.line} ${layout.soft}`}>
        {one.owner ? <><State look={lifecycleLook(one.owner.lifecycle)} /><Link to={`/sessions/${one.owner.session_id}`} dir="auto">{nameOf(one.owner)}</Link></> : <span>of no session</span>}
        <span>branch <code>{inert(one.branch ?? "none")}</code></span>
        <span>{stateOf(one)}</span>
        {one.unpushed > 0 && <strong>{one.unpushed} {one.unpushed === 1 ? "commit" : "commits"} only here</strong>}
      </div>
      {one.owner?.work?.undo_error && <p className={layout.bad}>Removing it is tried again: {inert(one.owner.work.undo_error)}</p>}
    </>
  );
}

function stateOf(one: Worktree): string {
  if (one.half_made_for !== null) return "half made";
  if (one.missing) return "its folder is gone";
  return one.uncommitted === 0 ? "nothing uncommitted" : `${one.uncommitted} ${one.uncommitted === 1 ? "file" : "files"} not committed`;
}

function RemoveDialog({ project, worktree, onClose }: { project: Project; worktree: Worktree; onClose: () => void }) {
  const queries = useQueryClient();
  const [loss, setLoss] = useState<Loss | null>(null);
  const [repeated, setRepeated] = useState("");
  const { hostname, repository, path } = worktree;
  const removal = useAttempt(async () => {
    const body = { kind: "remove" as const, confirm: repeated.trim() || null, options: { hostname, repository, path, keep_branch: true } };
    try {
      await ended(await call("POST /projects/{project_id}/jobs", { path: { project_id: project.project_id }, body }));
    } catch (error) {
      const would = lossOf(error);
      if (would === null) throw error;
      setLoss(would);
      setRepeated("");
      return;
    }
    await queries.invalidateQueries({ queryKey: ["worktrees", project.project_id] });
    onClose();
    return "Removed; its branch is kept.";
  });
  const unsaid = loss !== null && repeated.trim() !== loss.value;
  return (
    <Dialog title="Remove this worktree?" onClose={onClose}>
      <form className={layout.form} onSubmit={(event) => { event.preventDefault(); if (!unsaid) void removal.run(); }}>
        <p><code>{inert(`${hostname}:${path}`)}</code> is removed with all in it; its branch {worktree.branch && <code>{inert(worktree.branch)}</code>} is kept.</p>
        {loss && <Losing loss={loss} repeated={repeated} onRepeat={setRepeated} />}
        {removal.problem && <Trouble problem={removal.problem} />}
        <div className={css.foot}>
          <Button type="submit" look="danger" disabled={removal.busy || unsaid}>{removal.busy ? "A runner removes it …" : loss ? "Lose it and remove" : "Remove the worktree"}</Button>
          <Button look="quiet" onClick={onClose}>Keep it</Button>
        </div>
      </form>
    </Dialog>
  );
}
