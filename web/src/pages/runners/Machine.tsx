// A runner's machine at a glance: how busy, how full; and the programs of its agents with their logins.
import { Fragment } from "react";
import { inert } from "../../parts/inert";
import layout from "../../parts/layout.module.css";
import { bytes, clientsOf, LOGINS, machineOf, worktreesOf } from "../../parts/machine";
import css from "../Runners.module.css";

type Facts = Readonly<Record<string, unknown>>;

/** CPU, memory and disk as small bars with their figures. */
export function Gauges({ facts }: { facts: Facts }) {
  const machine = machineOf(facts);
  const cpu = machine.cpu_percent !== undefined ? machine.cpu_percent / 100 : machine.load !== undefined && machine.cores ? machine.load / machine.cores : undefined;
  const memory = used(machine.memory_bytes, machine.memory_free_bytes);
  const disk = used(machine.disk_bytes, machine.disk_free_bytes);
  if (cpu === undefined && memory === undefined && disk === undefined) return null;
  return (
    <ul className={css.gauges} aria-label="Its machine">
      {cpu !== undefined && <Gauge part={cpu} word="CPU" figure={[machine.cpu_percent !== undefined && `${Math.round(machine.cpu_percent)} % busy`, machine.load !== undefined && `load ${machine.load} on ${machine.cores} cores`].filter(Boolean).join(", ")} />}
      {memory !== undefined && <Gauge part={memory} word="Memory" figure={`${bytes(machine.memory_free_bytes ?? 0)} of ${bytes(machine.memory_bytes ?? 0)} free`} />}
      {disk !== undefined && <Gauge part={disk} word="Disk" figure={`${bytes(machine.disk_free_bytes ?? 0)} of ${bytes(machine.disk_bytes ?? 0)} free`} />}
    </ul>
  );
}

function used(whole: number | undefined, free: number | undefined): number | undefined {
  return whole && free !== undefined ? 1 - free / whole : undefined;
}

function Gauge({ part, word, figure }: { part: number; word: string; figure: string }) {
  return (
    <li title={`${word}: ${figure}`}>
      <span>{word}</span>
      <span className={css.bar} aria-hidden="true"><span style={{ inlineSize: `${Math.min(1, Math.max(0, part)) * 100}%` }} data-full={part >= 0.9} /></span>
      <span className={layout.number}>{figure}</span>
    </li>
  );
}

/** The programs of its agents, and how many worktrees it has made. */
export function MachineFacts({ facts }: { facts: Facts }) {
  const worktrees = worktreesOf(facts);
  return (
    <>
      {clientsOf(facts).map((client) => (
        <Fragment key={client.name}><dt>{inert(client.name)}</dt><dd>{inert(client.version) || "no version"}, {LOGINS[client.login] ?? inert(client.login)}</dd></Fragment>
      ))}
      {worktrees !== null && <><dt>Worktrees</dt><dd>{worktrees === 0 ? "none" : <>{worktrees}; those that are left over: <code>callboard worktrees</code></>}</dd></>}
    </>
  );
}
