// Puts issues into a new milestone, or into one that is still planned.
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { call, newKey } from "../../api/client";
import type { Milestone, Project } from "../../api/schema";
import { go } from "../../navigation";
import { useAttempt } from "../../parts/actions";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { Button, Dialog, Trouble } from "../../parts/Parts";
import { TextField } from "../agents/Fields";
import { workAddress } from "./address";
import { untilAnswered, useMilestones, workKey } from "./data";
import { readNumbers } from "./lifecycle";
import css from "./Work.module.css";

interface Props {
  project: Project;
  named: string;
  numbers: readonly number[];
  /** One that is planned and is meant. */
  milestone?: Milestone;
  onClose: () => void;
  onDone?: () => void;
}

export function ToMilestone({ project, named, numbers, milestone, onClose, onDone }: Props) {
  const queries = useQueryClient();
  const milestones = useMilestones(project);
  const planned = (milestones.data ?? []).filter((one) => one.state === "planned");
  const [into, setInto] = useState(milestone?.milestone_id ?? "");
  const [title, setTitle] = useState("");
  const [issues, setIssues] = useState(numbers.join(", "));
  const [wrong, setWrong] = useState("");
  const key = useRef(newKey());
  const change = (set: (value: string) => void) => (value: string) => {
    key.current = newKey();
    set(value);
  };
  const put = useAttempt(async () => {
    const { project_id } = project;
    const tasks = readNumbers(issues);
    setWrong(into === "" && !title.trim() ? "Say what it is to bring." : "");
    if (into === "" && !title.trim()) return;
    let number = planned.find((one) => one.milestone_id === into)?.number;
    if (number === undefined) number = (await untilAnswered(() => call("POST /milestones", { body: { project_id, title, tasks }, idempotencyKey: key.current }))).number;
    else for (const one of tasks) await call("POST /tasks", { body: { project_id, number: one, milestone_id: into } });
    await queries.invalidateQueries({ queryKey: workKey(project_id) });
    onDone?.();
    onClose();
    go(workAddress(named, "milestones", number));
  });
  return (
    <Dialog title={milestone ? `Issues for milestone ${milestone.number}` : numbers.length > 0 ? "To a milestone" : "New milestone"} onClose={onClose}>
      <form className={layout.form} noValidate onSubmit={(event) => { event.preventDefault(); void put.run(); }}>
        {planned.length > 0 && numbers.length > 0 && !milestone && (
          <TextField label="Milestone" value={into} onChange={change(setInto)} choices={[["", "a new one"], ...planned.map((one) => [one.milestone_id, `${one.number} ${inert(one.title)}`] as const)]} />
        )}
        {into === "" && <TextField label="Title" value={title} onChange={change(setTitle)} required wrong={wrong} />}
        <TextField label="Issues" value={issues} onChange={change(setIssues)} mono hint="Their numbers; each becomes a task of it. Their order is that of their dependencies, else of their numbers." />
        {put.problem && <Trouble problem={put.problem} />}
        <div className={css.foot}>
          <Button type="submit" look="primary" disabled={put.busy}>{into === "" ? "Make the milestone" : "Put them into it"}</Button>
          <Button look="quiet" onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
