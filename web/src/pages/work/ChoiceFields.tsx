// With what work is done, as fields: agent, executor, where it begins and where it is done. Unsaid is the project's default.
import type { Project } from "../../api/schema";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { useAgents } from "../Agents";
import { TextField } from "../agents/Fields";
import { agentsOf, byDefault, type Choice } from "./choice";
import { useOffered } from "./data";
import css from "./Work.module.css";

interface Props {
  project: Project;
  choice: Choice;
  wrong: Partial<Record<keyof Choice, string>>;
  onChange: (choice: Choice) => void;
  /** What the choice comes to, once the coordinator has said so. */
  executor: string;
}

export function ChoiceFields({ project, choice, wrong, onChange, executor }: Props) {
  const agents = useAgents();
  const executors = useOffered(project) ?? [];
  const hosts = [...new Set(project.locations.map((place) => place.hostname))];
  const { settings } = project;
  const set = (name: keyof Choice) => (value: string) => onChange({ ...choice, [name]: value });
  const agent = agents.data?.find((one) => one.name === (choice.agent || settings.agent_name));
  return (
    <>
      <div className={layout.pair}>
        <TextField label="Agent" value={choice.agent} onChange={set("agent")}
          choices={[["", byDefault(settings.agent_name, "none: the issues alone")], ...agentsOf(project, agents.data ?? []).map((one) => [one.name, inert(one.name)] as const)]}
          hint={agent ? inert(agent.description).slice(0, 120) : ""} />
        <TextField label="Executor" value={choice.executor} onChange={set("executor")}
          choices={[["", agent?.executor ? `the agent's: ${agent.executor}` : byDefault(settings.executor_type, `the coordinator's default${executor && !choice.executor ? `: ${inert(executor)}` : ""}`)], ...executors.map((one) => [one, inert(one)] as const)]} />
        <TextField label="Begins at" value={choice.base} onChange={set("base")} mono placeholder={settings.base_branch ?? project.default_branch ?? "main"} hint="The branch, as it is in the repository." />
        <TextField label="If the branch is there already" value={choice.branch} onChange={set("branch")}
          choices={[["", "refuse"], ["reuse", "go on with it"], ["new", "take the next free name"]]} />
      </div>
      <details className={css.more}>
        <summary>More: {hosts.length > 1 ? "place, " : ""}model, permissions, budget</summary>
        <div className={layout.pair}>
          {hosts.length > 1 && <TextField label="Host" value={choice.host} onChange={set("host")} choices={[["", "any of its places"], ...hosts.map((one) => [one, inert(one)] as const)]} />}
          <TextField label="Model" value={choice.model} onChange={set("model")} mono hint="Else that of the agent or the executor." />
          <TextField label="Permissions" value={choice.mode} onChange={set("mode")}
            choices={[["", "the agent's, else the executor's"], ["read_only", "read only"], ["ask", "ask"], ["edit", "edit"], ["full", "full"]]} />
          <TextField label="Budget in $" value={choice.dollars} onChange={set("dollars")} wrong={wrong.dollars ?? ""} short placeholder="2.50" hint="It stops before it spends more." />
        </div>
      </details>
    </>
  );
}
