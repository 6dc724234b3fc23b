// Sums of sums, as the coordinator makes them: an unknown cost stays unknown. Pure.
import type { UsageTotal } from "../../api/schema";

export function sumOf(parts: readonly UsageTotal[]): UsageTotal {
  const total: UsageTotal = {
    input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, turns: 0, cost_microdollars: null, estimated: false, unpriced: false,
  };
  for (const part of parts) {
    total.input_tokens += part.input_tokens;
    total.output_tokens += part.output_tokens;
    total.cache_read_tokens += part.cache_read_tokens;
    total.cache_creation_tokens += part.cache_creation_tokens;
    total.turns += part.turns;
    total.estimated ||= part.estimated;
    total.unpriced ||= part.unpriced;
    if (part.cost_microdollars !== null) total.cost_microdollars = (total.cost_microdollars ?? 0) + part.cost_microdollars;
  }
  return total;
}
