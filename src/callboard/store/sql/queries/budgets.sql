-- name: lock_budget
-- The outermost pool around a pool: whoever changes a pool of its tree, or starts a run in one, locks this row first.
SELECT t.session_id FROM budgets b JOIN budgets t ON t.session_id = b.top_session_id
WHERE b.session_id = :pool_session_id;

-- name: lock_free_budget
-- Said where many write at once: keeps others from changing the pools of a tree, unless one does that now.
SELECT t.session_id FROM budgets b JOIN budgets t ON t.session_id = b.top_session_id
WHERE b.session_id = :pool_session_id;

-- name: top_of_pool
-- The outermost pool around a pool.
SELECT top_session_id FROM budgets WHERE session_id = :pool_session_id;

-- name: pools_around
-- All pools that share the outermost one with these pools, a JSON list of ids.
SELECT b.* FROM budgets b
WHERE b.top_session_id IN (SELECT o.top_session_id FROM json_each(:ids) AS listed
    JOIN budgets o ON o.session_id = listed.value)
ORDER BY b.session_id;

-- name: open_trees
-- Outermost pools with an open pool in them, above a mark.
SELECT DISTINCT top_session_id FROM budgets WHERE is_open = 1 AND top_session_id > :after
ORDER BY top_session_id LIMIT :limit;

-- name: insert_budget
-- A new pool; it holds nothing and is not open yet.
INSERT INTO budgets (session_id, top_session_id, above_session_id, limit_microdollars, limit_tokens, created_at)
VALUES (:session_id, :top_session_id, :above_session_id, :limit_microdollars, :limit_tokens, :now);

-- name: write_budget
-- Limits, sums and holds of a pool.
UPDATE budgets SET limit_microdollars = :limit_microdollars, limit_tokens = :limit_tokens,
    spent_microdollars = :spent_microdollars, spent_tokens = :spent_tokens,
    held_microdollars = :held_microdollars, held_tokens = :held_tokens, is_open = :is_open
WHERE session_id = :session_id;

-- name: enter_pool
-- A session that was just created with a budget is its own pool.
UPDATE sessions SET pool_session_id = :session_id WHERE session_id = :session_id;

-- name: pool_among
-- A pool from which one of these sessions draws, by a JSON list of ids.
SELECT s.pool_session_id FROM json_each(:ids) AS listed JOIN sessions s ON s.session_id = listed.value
WHERE s.pool_session_id IS NOT NULL LIMIT 1;

-- name: draw_sessions
-- From now on sessions, by a JSON list of ids, draw from a pool that none had before.
UPDATE sessions SET pool_session_id = :pool_session_id
WHERE session_id IN (SELECT listed.value FROM json_each(:ids) AS listed);

-- name: draw_runs
-- With their sessions: also runs that have ended, whose reports may be late.
UPDATE runs SET pool_session_id = :pool_session_id
WHERE session_id IN (SELECT listed.value FROM json_each(:ids) AS listed);

-- name: spent_by_sessions
-- What sessions, by a JSON list of ids, have spent until now.
SELECT CAST(coalesce(sum(u.cost_microdollars), 0) AS BIGINT) AS microdollars,
    CAST(coalesce(sum(u.input_tokens + u.output_tokens + u.cache_read_tokens + u.cache_creation_tokens), 0) AS BIGINT)
        AS tokens
FROM json_each(:ids) AS listed JOIN usage_rows u ON u.session_id = listed.value;

-- name: runs_of_pools
-- The runs of pools, a JSON list of ids, that have not ended.
SELECT r.run_id, r.session_id, r.pool_session_id, r.status, r.queue_key, r.stop_requested_at, r."trigger"
FROM json_each(:ids) AS listed JOIN runs r ON r.pool_session_id = listed.value
WHERE r.pool_session_id IS NOT NULL AND r.status IN ('pending', 'claimed', 'running', 'interrupted')
ORDER BY r.session_id, r.number LIMIT 20000;

-- name: sessions_waiting_for_budget
-- Sessions of pools, a JSON list of ids, that wait for a budget, or whose work is stuck and may be so for one.
SELECT s.session_id, s.pool_session_id FROM json_each(:ids) AS listed
JOIN sessions s ON s.pool_session_id = listed.value
WHERE s.pool_session_id IS NOT NULL AND (s.waiting_for = 'budget' OR s.lifecycle = 'stuck')
ORDER BY s.session_id LIMIT 10000;

-- name: withhold_run
-- A pending run that its budget does not let start; it is offered again when there is something left.
UPDATE runs SET queue_key = NULL WHERE run_id = :run_id AND status = 'pending';

-- name: delete_budgets_of_session
-- Its pool; what was spent stays counted in the pools above.
DELETE FROM budgets WHERE session_id = :session_id;
