// How full an agent's context is, by what its latest call to the model was booked with. Pure.

export interface Context {
  model: string;
  /** All that the model was given and wrote in that call. */
  tokens: number;
}

interface Booked {
  model?: unknown;
  message_id?: unknown;
  input_tokens?: unknown;
  output_tokens?: unknown;
  cache_read_tokens?: unknown;
  cache_creation_tokens?: unknown;
}

/** What the latest call of a `usage` event held; null where it tells of none. */
export function contextOf(payload: Record<string, unknown>): Context | null {
  const rows = Array.isArray(payload.rows) ? (payload.rows as Booked[]) : [];
  const call = rows.findLast((row) => !String(row.message_id).startsWith("adjustment:"));
  if (call === undefined || typeof call.model !== "string") return null;
  const parts = [call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_creation_tokens];
  const tokens = parts.reduce<number>((sum, one) => sum + (typeof one === "number" ? one : 0), 0);
  return tokens > 0 ? { model: call.model, tokens } : null;
}

const USUAL: readonly [RegExp, number][] = [[/\[1m\]/i, 1_000_000], [/claude|opus|sonnet|haiku/i, 200_000]];

/** The window that is usual for models of this name; null for others. */
export function usualWindow(model: string): number | null {
  return USUAL.find(([kind]) => kind.test(model))?.[1] ?? null;
}

/** The window of the model that was called; null where it is not known, and when there is more in it than is usual. */
export function windowOf({ model, tokens }: Context): number | null {
  const size = usualWindow(model);
  return size !== null && tokens <= size ? size : null;
}
