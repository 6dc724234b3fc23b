// How an issue is worked on as a task: its fields, the same for a new issue and one that is there.
import type { Project } from "../../api/schema";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { TextField } from "../agents/Fields";
import { useMilestones } from "./data";
import type { Ways } from "./settings";

interface Props {
  project: Project;
  ways: Ways;
  wrong: Partial<Record<keyof Ways, string>>;
  onChange: (ways: Ways) => void;
}

export function WaysFields({ project, ways, wrong, onChange }: Props) {
  const milestones = useMilestones(project);
  const planned = (milestones.data ?? []).filter((one) => one.state === "planned" || one.milestone_id === ways.milestone);
  const known = project.settings.checks ?? [];
  const set = (name: keyof Ways) => (value: string) => onChange({ ...ways, [name]: value });
  return (
    <div className={layout.pair}>
      <TextField label="Checks" value={ways.checks} onChange={set("checks")} wrong={wrong.checks ?? ""} mono
        hint={known.length > 0 ? `Their names. None of its own: ${known.map(inert).join(", ")}.` : "Their names, as the runner's file has them: test, lint."} />
      <TextField label="Depends on" value={ways.dependsOn} onChange={set("dependsOn")} wrong={wrong.dependsOn ?? ""} hint="Numbers of issues that have to pass before." />
      <TextField label="Most iterations" value={ways.maxIterations} onChange={set("maxIterations")} wrong={wrong.maxIterations ?? ""} short placeholder="10" hint="After them it is stuck." />
      <TextField label="Context" value={ways.context || "fresh"} onChange={set("context")} short choices={[["fresh", "fresh: each begins anew"], ["persistent", "persistent: one conversation"]]} />
      {planned.length > 0 && (
        <TextField label="Milestone" value={ways.milestone} onChange={set("milestone")} wrong={wrong.milestone ?? ""} short
          choices={[["", "none"], ...planned.map((one) => [one.milestone_id, `${one.number} ${inert(one.title)}`] as const)]} />
      )}
    </div>
  );
}
