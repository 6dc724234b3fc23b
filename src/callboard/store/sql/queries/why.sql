-- name: run_before
-- The run of a session that holds up another one: its live run, else the nearest pending one before it.
SELECT run_id, status, "trigger" FROM runs
WHERE session_id = :session_id AND run_id <> :run_id
    AND (status IN ('claimed', 'running', 'interrupted') OR (status = 'pending' AND number < :number))
ORDER BY CASE WHEN status = 'pending' THEN 1 ELSE 0 END, number DESC LIMIT 1;

-- name: live_runs_by_runner
-- How many runs each runner holds.
SELECT runner_id, count(*) AS live_runs FROM runs
WHERE status IN ('claimed', 'running', 'interrupted') GROUP BY runner_id;

-- name: waiting_runs
-- Pending runs with their session's context and title, the oldest first, above a page mark.
SELECT r.*, s.root_session_id, s.context, s.external, s.project_id AS session_project_id, s.lifecycle, s.title
FROM runs r JOIN sessions s ON s.session_id = r.session_id
WHERE r.status = 'pending' AND r.run_id > :after AND (:project_id = '' OR s.project_id = :project_id)
ORDER BY r.run_id LIMIT :limit;
