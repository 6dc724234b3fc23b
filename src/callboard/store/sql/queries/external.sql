-- name: withhold_runs
-- Another process begins a run of the session: what waits may not be claimed until that has ended.
UPDATE runs SET queue_key = NULL WHERE session_id = :session_id AND status = 'pending' AND queue_key IS NOT NULL;
