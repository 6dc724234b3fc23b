-- name: book_usage
-- Books a row once per (run, model, provider message).
INSERT INTO usage_rows (run_id, attempt, model, message_id, session_id, project_id, agent_name, input_tokens,
    output_tokens, cache_read_tokens, cache_creation_tokens, turns, cost_microdollars, estimated, booked_at)
VALUES (:run_id, :attempt, :model, :message_id, :session_id, :project_id, :agent_name, :input_tokens,
    :output_tokens, :cache_read_tokens, :cache_creation_tokens, :turns, :cost_microdollars, :estimated, :now)
ON CONFLICT (run_id, model, message_id) DO NOTHING;

-- name: open_costs
-- What the rows of an attempt that no exact total has covered are estimated to cost, by model.
SELECT model, CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars FROM usage_rows
WHERE run_id = :run_id AND attempt = :attempt AND covered = 0 AND (cost_microdollars IS NULL OR estimated = 1)
GROUP BY model;

-- name: cover_usage
-- An exact total of a model came: with it the cost of the attempt's rows that had none, or an estimate, is exact.
UPDATE usage_rows SET covered = 1
WHERE run_id = :run_id AND attempt = :attempt AND model = :model AND covered = 0
    AND (cost_microdollars IS NULL OR estimated = 1);
