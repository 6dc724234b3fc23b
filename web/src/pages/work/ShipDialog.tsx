// Ships work: a runner of its place pushes the branch and opens the pull request. What it refuses is allowed one by one.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Session } from "../../api/schema";
import { useAttempt } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { Check, TextField } from "../agents/Fields";
import { ended, readAgain } from "./data";
import css from "./Work.module.css";

interface Shipped {
  pull_request_url: string;
  already_open?: boolean;
  unnoted?: string | null;
}

export function ShipDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const queries = useQueryClient();
  const [title, setTitle] = useState("");
  const [draft, setDraft] = useState(false);
  const [uncommitted, setUncommitted] = useState(false);
  const [failing, setFailing] = useState(false);
  const [shipped, setShipped] = useState<Shipped | null>(null);
  const ship = useAttempt(async () => {
    const options = { ...(title.trim() ? { title: title.trim() } : {}), draft, allow_uncommitted: uncommitted, allow_failing_checks: failing };
    const job = await ended(await call("POST /sessions/{session_id}/jobs", { path: { session_id: session.session_id }, body: { kind: "ship", options } }));
    setShipped(job.answer as Shipped);
    await readAgain(queries, session);
  });
  const code = ship.problem?.code;
  return (
    <Dialog title={`Ship ${session.issues.map((issue) => `#${String(issue.number)}`).join(", ")}`} onClose={onClose}>
      {shipped ? (
        <div className={layout.form}>
          <p role="status">{shipped.already_open ? "What is new is pushed; the pull request was open already:" : "The pull request is open:"} <PullRequest url={shipped.pull_request_url} /></p>
          {shipped.unnoted && <p>{inert(shipped.unnoted)}</p>}
          <div><Button onClick={onClose}>Close</Button></div>
        </div>
      ) : (
        <form className={layout.form} onSubmit={(event) => { event.preventDefault(); void ship.run(); }}>
          <p>The branch <code>{inert(session.workspace?.branch ?? "")}</code> is pushed to <code>origin</code>, and a pull request against <code>{inert(session.work?.base_branch ?? "the base branch")}</code> names the issues.</p>
          <TextField label="Title" value={title} onChange={setTitle} placeholder={session.title ?? ""} />
          <Check label="As a draft" checked={draft} onChange={setDraft} />
          {(code === "uncommitted_changes" || uncommitted) && <Check label="Ship the commits without what is not committed" checked={uncommitted} onChange={setUncommitted} />}
          {(code === "checks_fail" || failing) && <Check label="Ship although these checks fail" checked={failing} onChange={setFailing} />}
          {ship.problem && <Trouble problem={ship.problem} />}
          <div className={css.foot}>
            <Button type="submit" look="primary" disabled={ship.busy}>{ship.busy ? "A runner pushes it …" : "Ship it"}</Button>
            <Button look="quiet" onClick={onClose}>Not now</Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** The address came from an agent or a server elsewhere: only one of the web is a link. */
export function PullRequest({ url }: { url: string }) {
  const shown = inert(url).replace(/^https?:\/\//, "");
  return /^https?:\/\//i.test(url) ? <a href={url} target="_blank" rel="noreferrer noopener nofollow">{shown}</a> : <span>{shown}</span>;
}
