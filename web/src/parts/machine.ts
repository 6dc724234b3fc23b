// What a runner told of itself: how busy and how full its machine is, programs and files of agents. Pure; what it did not
// tell is not there.

export interface Machine {
  cores: number;
  load: number;
  cpu_percent: number;
  memory_bytes: number;
  memory_free_bytes: number;
  disk_bytes: number;
  disk_free_bytes: number;
}

export interface Client {
  name: string;
  version: string;
  login: string;
}

type Facts = Readonly<Record<string, unknown>>;

export function machineOf(facts: Facts): Partial<Machine> {
  const told = objectOf(facts.machine);
  return Object.fromEntries(Object.entries(told).filter(([, value]) => typeof value === "number"));
}

export function clientsOf(facts: Facts): Client[] {
  return Object.entries(objectOf(facts.clients)).map(([name, told]) => {
    const { version, login } = objectOf(told);
    return { name, version: typeof version === "string" ? version : "", login: typeof login === "string" ? login : "" };
  });
}

export function worktreesOf(facts: Facts): number | null {
  return typeof facts.worktrees === "number" ? facts.worktrees : null;
}

export interface RefusedFile {
  path: string;
  why: string;
}

/** The files of agents that the coordinator did not take, and how many there are in all. */
export function refusedAgentsOf(facts: Facts): { files: RefusedFile[]; count: number } {
  const { files, count } = objectOf(facts.refused_agents);
  const named = (Array.isArray(files) ? files : []).map(objectOf).map(({ path, why }) => ({ path: String(path), why: String(why) }));
  return { files: named, count: typeof count === "number" ? Math.max(count, named.length) : named.length };
}

export const LOGINS: Record<string, string> = {
  environment: "logged in by its environment", file: "logged in", keychain: "login in the keychain, if any", none: "no login found",
};

const LEAST_DISK_BYTES = 1024 ** 3;
const LEAST_MEMORY_PART = 0.05;

/** What of the machine somebody should look at, each with what to do. */
export function troublesOf(facts: Facts): string[] {
  const machine = machineOf(facts);
  const found: string[] = [];
  if (machine.disk_free_bytes !== undefined && machine.disk_free_bytes < LEAST_DISK_BYTES) {
    found.push(`Its disk has ${bytes(machine.disk_free_bytes)} left: make room, or agents fail to write. Worktrees that are left over: callboard worktrees`);
  }
  if (machine.memory_bytes && machine.memory_free_bytes !== undefined && machine.memory_free_bytes < machine.memory_bytes * LEAST_MEMORY_PART) {
    found.push(`Its memory is nearly used up (${bytes(machine.memory_free_bytes)} free): give it fewer slots, or end what is not needed.`);
  }
  const refused = refusedAgentsOf(facts);
  for (const { path, why } of refused.files) found.push(`Its agent in ${path} is not taken. ${why}`);
  if (refused.count > refused.files.length) found.push(`${refused.count - refused.files.length} more files of agents are not taken; its log names them.`);
  for (const client of clientsOf(facts)) {
    if (client.login === "none") found.push(`${client.name} has no login there, so that its runs will fail: log in once on that machine as the runner's user.`);
  }
  return found;
}

/** A size as people read it: 820 MiB, 3.2 GiB. */
export function bytes(size: number): string {
  const gib = size / 1024 ** 3;
  return gib < 1 ? `${Math.round(size / 1024 ** 2)} MiB` : gib < 100 ? `${gib.toFixed(1)} GiB` : `${Math.round(gib)} GiB`;
}

function objectOf(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
