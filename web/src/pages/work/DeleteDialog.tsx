// Deletes work: stops it, removes its worktree, puts it away. What is nowhere else is lost only by who repeats a value.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Session } from "../../api/schema";
import { go } from "../../navigation";
import { useAttempt } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { BelowQuestion, useBelow } from "../../parts/stop";
import { Check } from "../agents/Fields";
import { workAddress } from "./address";
import { ended, readAgain } from "./data";
import { Losing, lossOf, OnlyHere, type Loss } from "./Losing";
import css from "./Work.module.css";

/** With `again` the branch is kept, and the dialog that starts work on the same issues stands open when the old is put away. */
export function DeleteDialog({ session, onClose, again = false }: { session: Session; onClose: () => void; again?: boolean }) {
  const queries = useQueryClient();
  const [keepWorktree, setKeepWorktree] = useState(false);
  const gone = session.work?.next_move === "begin_from_branch";
  const [keepBranch, setKeepBranch] = useState(again || gone);
  const [loss, setLoss] = useState<Loss | null>(null);
  const [repeated, setRepeated] = useState("");
  const there = session.work !== null && !["removed", "undone"].includes(session.work.state);
  const below = useBelow(session.session_id);
  const [subtree, setSubtree] = useState<boolean | null>(null);
  const removal = useAttempt(async (decided: boolean | null) => {
    if (decided === null && (await below.ask())) return;
    below.forget();
    setSubtree(decided);
    try {
      await deleteWork(session, { subtree: decided === true, remove: there && !keepWorktree, keepBranch, keepWorktree, confirm: repeated.trim() || null });
    } catch (error) {
      const would = lossOf(error);
      if (would === null) throw error;
      setLoss(would);
      setRepeated("");
      await readAgain(queries, session);
      return;
    }
    await readAgain(queries, session);
    onClose();
    if (again) go(await addressOfStart(session));
    return again ? "Deleted, with its branch kept: start again with that." : "Deleted; its record is kept.";
  });
  const numbers = session.issues.map((issue) => `#${String(issue.number)}`).join(", ");
  const unsaid = loss !== null && !keepWorktree && repeated.trim() !== loss.value;
  return (
    <Dialog title={again ? `Start again on ${numbers} with the branch?` : `Delete the work on ${numbers}?`} onClose={onClose}>
      <form className={layout.form} onSubmit={(event) => { event.preventDefault(); if (!unsaid && below.count === 0) void removal.run(subtree); }}>
        {gone && <p>The folder of its worktree, <code>{inert(session.workspace?.path ?? "")}</code>, is gone: what was committed stands on the branch <code>{inert(session.workspace?.branch ?? "")}</code>, what was not is lost already.{again && " The work is deleted with its branch kept; then you start on the same issues with that branch."}</p>}
        <p>It is stopped and put away; its record is kept.{!gone && there && session.workspace && <> Its worktree <code>{inert(session.workspace.hostname)}:{inert(session.workspace.path)}</code> and its branch <code>{inert(session.workspace.branch ?? "")}</code> are removed.</>}</p>
        {there && !again && (
          <div>
            {!gone && <Check label="Keep the worktree and its branch" checked={keepWorktree} onChange={setKeepWorktree} />}
            {!keepWorktree && <Check label="Keep the branch" checked={keepBranch} onChange={setKeepBranch} />}
          </div>
        )}
        {there && !gone && !keepWorktree && !loss && <OnlyHere session={session} keepBranch={keepBranch} />}
        {loss && !keepWorktree && <Losing loss={loss} repeated={repeated} onRepeat={setRepeated} />}
        {removal.problem && <Trouble problem={removal.problem} />}
        {below.count > 0 ? (
          <BelowQuestion count={below.count} alone="Delete it alone" all="Delete it, stop all below it" none="Keep it" busy={removal.busy} onDecide={(all) => void removal.run(all)} onNone={onClose} />
        ) : <div className={css.foot}>
          <Button type="submit" look={again ? "primary" : "danger"} disabled={removal.busy || unsaid}>{removal.busy ? "A runner removes it …" : loss && !keepWorktree ? "Lose it and delete" : again ? "Delete it, keep the branch" : "Delete the work"}</Button>
          <Button look="quiet" onClick={onClose}>Keep it</Button>
        </div>}
      </form>
    </Dialog>
  );
}

/** Where the same work is begun once more, with its branch. */
async function addressOfStart(session: Session): Promise<string> {
  const project = session.project_id ?? "";
  const numbers = session.issues.map((issue) => Number(issue.number));
  if (session.milestone_id) {
    const { number } = await call("GET /milestones/{milestone_id}", { path: { milestone_id: session.milestone_id } });
    return `${workAddress(project, "milestones", number)}?start=1&branch=reuse`;
  }
  if (session.work?.task_id) return `${workAddress(project, "issues", numbers[0] ?? null)}?start=task&branch=reuse`;
  return `${workAddress(project)}?spawn=${numbers.join(",")}&branch=reuse`;
}

interface Wish {
  /** What works below it is stopped as well. */
  subtree: boolean;
  remove: boolean;
  keepBranch: boolean;
  keepWorktree: boolean;
  confirm: string | null;
}

/** In the order of the command line: nothing works there any more, then the worktree, then the session. */
async function deleteWork(session: Session, wish: Wish): Promise<void> {
  const path = { session_id: session.session_id };
  const stopped = await call("POST /sessions/{session_id}/stop", { path, body: { subtree: wish.subtree } });
  for (const run_id of stopped.stopping) {
    let run = await call("GET /runs/{run_id}/wait", { path: { run_id }, query: { timeout: 20 } });
    while (run.ended_at === null) run = await call("GET /runs/{run_id}/wait", { path: { run_id }, query: { timeout: 20 } });
  }
  if (wish.remove) await ended(await call("POST /sessions/{session_id}/jobs", { path, body: { kind: "remove", confirm: wish.confirm, options: { keep_branch: wish.keepBranch } } }));
  await call("POST /sessions/{session_id}/lifecycle", { path, body: { action: "delete", keep_worktree: wish.keepWorktree } });
}
