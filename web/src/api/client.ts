// Requests to the coordinator: typed by its own description, with its errors as values of one class.
// Knows no page. A login is a cookie that scripts cannot read; what changes something says that a page of ours asked.
import type { Operations } from "./schema";
import { hearServerTime } from "../live/clock";
import { plainDetail, plainSentence } from "./plain";

export type Operation = keyof Operations;
type Empty<T> = keyof T extends never ? true : false;
type Asked<K extends Operation> = (Empty<Operations[K]["path"]> extends true ? object : { path: Operations[K]["path"] }) & {
  query?: Operations[K]["query"];
  body?: Operations[K]["body"];
  idempotencyKey?: string;
  etag?: string;
  signal?: AbortSignal;
};

/** A refusal, in the coordinator's own words; `unreachable` when nobody answered. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly hint = "",
    readonly errors: Record<string, unknown>[] = [],
    readonly requestId = "",
  ) {
    super(detail);
    this.name = "Problem";
  }

  get isTemporary(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

let loggedOut: () => void = () => {};

/** Who is told that the login has ended. */
export function onLoggedOut(listener: () => void): void {
  loggedOut = listener;
}

export function tellLoggedOut(): void {
  loggedOut();
}

/** The answer to an operation of the API, named as in its description; rejects with a Problem. */
export async function call<K extends Operation>(operation: K, asked?: Asked<K>): Promise<Operations[K]["answer"]> {
  return (await callForAnswer(operation, asked)).value;
}

/** The same with the answer's ETag, for what is changed afterwards. */
export async function callForAnswer<K extends Operation>(
  operation: K,
  asked?: Asked<K>,
): Promise<{ value: Operations[K]["answer"]; etag: string | null }> {
  const given: { path?: object; query?: object; body?: unknown; idempotencyKey?: string; etag?: string; signal?: AbortSignal } =
    asked ?? {};
  const [method = "GET", template = ""] = operation.split(" ");
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Callboard-CSRF"] = "1";
  if (given.body !== undefined) headers["Content-Type"] = "application/json";
  if (given.idempotencyKey) headers["Idempotency-Key"] = given.idempotencyKey;
  if (given.etag) headers["If-Match"] = given.etag;
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (given.body !== undefined) init.body = JSON.stringify(given.body);
  if (given.signal) init.signal = given.signal;
  const answer = await reach(address(template, given.path, given.query), init);
  const value = answer.status === 204 ? undefined : await answer.json();
  return { value: value as Operations[K]["answer"], etag: answer.headers.get("ETag") };
}

/** Any GET, for what is no JSON. */
export async function reach(url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(0, "unreachable", "The coordinator does not answer.", (init.method ?? "GET") === "GET" ? "It may be restarting; this is tried again." : "It may be restarting: try again when it is back.");
  }
  hearServerTime(answer.headers.get("Date"));
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401) loggedOut();
  throw problem;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const told = (await answer.json()) as {
      code?: string; detail?: string; hint?: string; errors?: Record<string, unknown>[]; request_id?: string;
    };
    const detail = plainDetail(told.errors ?? []) ?? told.detail ?? answer.statusText;
    const errors = told.errors?.map((one) => ("message" in one ? { ...one, message: plainSentence(String(one.message)) } : one));
    return new Problem(answer.status, told.code ?? "unknown", detail, told.hint, errors, told.request_id);
  } catch {
    return new Problem(answer.status, "unknown", `The answer was ${answer.status} ${answer.statusText}.`);
  }
}

export function address(template: string, path: object = {}, query: object = {}): string {
  const values = path as Record<string, string>;
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") wanted.set(name, String(value));
  }
  const text = wanted.toString();
  return text ? `${filled}?${text}` : filled;
}

/** A key under which a request that creates something may be sent again without creating it twice. */
export function newKey(): string {
  // randomUUID is there only in a secure context, and a coordinator in a LAN behind plain HTTP is none.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
