-- name: book_usage
-- Books a row once per (run, model, provider message).
INSERT INTO usage_rows (run_id, attempt, model, message_id, session_id, project_id, agent_name, input_tokens,
    output_tokens, cache_read_tokens, cache_creation_tokens, turns, cost_microdollars, estimated, booked_at)
VALUES (:run_id, :attempt, :model, :message_id, :session_id, :project_id, :agent_name, :input_tokens,
    :output_tokens, :cache_read_tokens, :cache_creation_tokens, :turns, :cost_microdollars, :estimated, :now)
ON CONFLICT (run_id, model, message_id) DO NOTHING;

-- name: usage_of_run
-- The ledger of a run.
SELECT model, message_id, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, turns,
    cost_microdollars, estimated FROM usage_rows WHERE run_id = :run_id;
