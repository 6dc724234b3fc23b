// Makes an issue of the local tracker, or changes one, with how it is worked on as a task.
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { call, newKey } from "../../api/client";
import type { Issue, Project, Task } from "../../api/schema";
import { useAttempt } from "../../parts/actions";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { TextField } from "../agents/Fields";
import { untilAnswered, workKey } from "./data";
import { givenBy, waysOf, type Ways } from "./settings";
import { WaysFields } from "./WaysFields";
import css from "./Work.module.css";

interface Props {
  project: Project;
  issue?: Issue;
  task?: Task | null;
  onClose: () => void;
}

export function IssueDialog({ project, issue, task = null, onClose }: Props) {
  const queries = useQueryClient();
  const before = waysOf(task);
  const [title, setTitle] = useState(issue?.title ?? "");
  const [body, setBody] = useState(issue?.body ?? "");
  const [ways, setWays] = useState(before);
  const [wrong, setWrong] = useState<Partial<Record<keyof Ways | "title", string>>>({});
  const made = useRef<number | null>(issue?.number ?? null);
  const key = useRef(newKey());
  const isOurs = project.tracker === "local";
  const project_id = project.project_id;
  const change = (set: (value: string) => void) => (value: string) => {
    key.current = newKey();
    set(value);
  };
  const save = useAttempt(async () => {
    const { given, wrong: found } = givenBy(ways, before, task);
    const all = { ...found, ...(isOurs && !title.trim() ? { title: "Say in a line what is to be done." } : {}) };
    setWrong(all);
    if (Object.keys(all).length > 0) return;
    // What was made stays made when what follows is refused: the next attempt changes it.
    if (made.current === null) made.current = (await untilAnswered(() => call("POST /projects/{project_id}/issues", { path: { project_id }, body: { title, body }, idempotencyKey: key.current }))).number;
    else if (isOurs && (title !== issue?.title || body !== issue.body)) await call("PATCH /projects/{project_id}/issues/{number}", { path: { project_id, number: made.current }, body: { title, body } });
    if (Object.keys(given).length > 0) await call("POST /tasks", { body: { project_id, number: made.current, ...given } });
    await queries.invalidateQueries({ queryKey: workKey(project_id) });
    void queries.invalidateQueries({ queryKey: ["work", "project"] });
    onClose();
    return issue ? `#${made.current} is changed.` : `#${made.current} is made.`;
  });
  return (
    <Dialog wide title={issue ? `#${issue.number}` : "New issue"} onClose={onClose}>
      <form className={layout.form} noValidate onSubmit={(event) => { event.preventDefault(); void save.run(); }}
        onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save.run(); }}>
        {isOurs && <TextField label="Title" value={title} required onChange={change(setTitle)} wrong={wrong.title ?? ""} />}
        {isOurs && <TextField label="Text" value={body} onChange={change(setBody)} rows={7} hint="What the agent is told besides the title. Markdown." />}
        <details className={css.more} open={issue !== undefined || Object.keys(wrong).some((name) => name !== "title")}>
          <summary>As a task: it is worked on until its checks pass</summary>
          <WaysFields project={project} ways={ways} wrong={wrong} onChange={setWays} />
        </details>
        {save.problem && <Trouble problem={save.problem} />}
        <div className={css.foot}>
          <Button type="submit" look="primary" disabled={save.busy} title="Ctrl+Enter">{issue ? "Save" : "Make the issue"}</Button>
          <Button look="quiet" onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
