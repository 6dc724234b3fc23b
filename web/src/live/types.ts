// What the stream brings, and which of it which page wants.

/** An entry of a session's log, as the API and the stream show it. */
export interface Event {
  session_id: string;
  seq: number;
  cursor: string;
  run_id: string | null;
  attempt: number | null;
  type: string;
  at: string;
  source_at: string | null;
  payload: Record<string, unknown>;
}

/** A piece of a message that is being written; the stored message replaces them. */
export interface Delta {
  session_id: string;
  run_id: string;
  attempt: number;
  message_key: string;
  offset: number;
  text: string;
}

/** Types that say that a session stands elsewhere now: wanted of all sessions, on every page. */
export const STATE_TYPES = [
  "session_created", "session_updated", "run_queued", "run_claimed", "run_start", "run_completed", "run_interrupted",
  "run_reconnected", "stop_requested", "approval_requested", "approval_decided", "approval_expired",
  "callback_undeliverable", "callback_assigned", "lifecycle_changed", "budget_changed", "guidance",
] as const;

/** What was booked: wanted of all sessions too, as every page tells costs; its readers gather, it comes with every call to a model. */
export const COST_TYPES = ["usage"] as const;

/** What the callboard wants besides: the newest word of each agent. */
export const HEADLINE_TYPES = ["message", "pre_tool"] as const;
