-- name: usage_totals_of_sessions
-- The sums of sessions that used anything, by a JSON list of ids; unpriced: some row has tokens and no known cost, its own or in an adjustment.
SELECT session_id AS key, CAST(sum(input_tokens) AS BIGINT) AS input_tokens, CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM json_each(:ids) AS listed JOIN usage_rows ON session_id = listed.value GROUP BY session_id;

-- name: usage_total_of_run
-- The sum of a run's ledger.
SELECT CAST(sum(input_tokens) AS BIGINT) AS input_tokens, CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM usage_rows WHERE run_id = :run_id;

-- name: usage_totals_of_runs
-- The sums of runs that used anything, by a JSON list of ids.
SELECT run_id AS key, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens, CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM json_each(:ids) AS listed JOIN usage_rows ON run_id = listed.value GROUP BY run_id;

-- name: usage_of_session_by_run
-- The sums of a session's runs, newest run first.
SELECT run_id AS key, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens, CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM usage_rows WHERE session_id = :session_id GROUP BY run_id ORDER BY run_id DESC LIMIT :limit;

-- name: usage_of_session_by_model
-- The sums of a session's models.
SELECT model AS key, CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens, CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM usage_rows WHERE session_id = :session_id GROUP BY model ORDER BY model LIMIT :limit;

-- name: usage_of_tree
-- The sums of all sessions of a tree.
SELECT u.session_id AS key, CAST(sum(u.input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(u.output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(u.cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(u.cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(u.turns) AS BIGINT) AS turns,
    CAST(sum(u.cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN u.covered = 0 THEN u.estimated ELSE 0 END) AS estimated,
    max(CASE WHEN u.cost_microdollars IS NULL AND u.covered = 0 AND u.input_tokens + u.output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM sessions s JOIN usage_rows u ON u.session_id = s.session_id
WHERE s.root_session_id = :root_session_id GROUP BY u.session_id;

-- name: usage_grouped
-- The ledger of a time, summed by one of its columns, narrowed to a session and to one group of another grouping. A
-- day is its number since 1970, in text. What another process leads has no runner. Keyset by key, or by rank (the dearest first, no known price last) and key.
SELECT key, CAST(sum(input_tokens) AS BIGINT) AS input_tokens, CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
    CAST(sum(cache_creation_tokens) AS BIGINT) AS cache_creation_tokens, CAST(sum(turns) AS BIGINT) AS turns,
    CAST(sum(cost_microdollars) AS BIGINT) AS cost_microdollars, max(CASE WHEN covered = 0 THEN estimated ELSE 0 END) AS estimated,
    max(CASE WHEN cost_microdollars IS NULL AND covered = 0 AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
FROM (
    SELECT u.*, CASE :group_by
        WHEN 'session' THEN u.session_id
        WHEN 'run' THEN u.run_id
        WHEN 'model' THEN u.model
        WHEN 'agent' THEN coalesce(u.agent_name, '')
        WHEN 'project' THEN coalesce(u.project_id, '')
        WHEN 'milestone' THEN coalesce((SELECT s.milestone_id FROM sessions s WHERE s.session_id = u.session_id), '')
        WHEN 'tree' THEN coalesce((SELECT s.root_session_id FROM sessions s WHERE s.session_id = u.session_id), '')
        WHEN 'user' THEN coalesce((SELECT r.person_id FROM runs r WHERE r.run_id = u.run_id), '')
        WHEN 'executor' THEN (SELECT r.executor_type FROM runs r WHERE r.run_id = u.run_id)
        WHEN 'runner' THEN coalesce((SELECT nullif(a.runner_id, 'external') FROM attempts a
            WHERE a.run_id = u.run_id AND a.attempt = u.attempt), '')
        ELSE CAST(u.booked_at / 86400000 AS TEXT)
    END AS key
    FROM usage_rows u
    WHERE u.booked_at >= :from_ms AND u.booked_at < :to_ms AND (:project_id = '' OR u.project_id = :project_id)
        AND (:session_id = '' OR u.session_id = :session_id)
        AND (:within = '' OR :within_key = CASE :within
                WHEN 'session' THEN u.session_id
                WHEN 'run' THEN u.run_id
                WHEN 'model' THEN u.model
                WHEN 'agent' THEN coalesce(u.agent_name, '')
                WHEN 'project' THEN coalesce(u.project_id, '')
                WHEN 'milestone' THEN coalesce((SELECT s.milestone_id FROM sessions s WHERE s.session_id = u.session_id), '')
                WHEN 'tree' THEN coalesce((SELECT s.root_session_id FROM sessions s WHERE s.session_id = u.session_id), '')
                WHEN 'user' THEN coalesce((SELECT r.person_id FROM runs r WHERE r.run_id = u.run_id), '')
                WHEN 'executor' THEN (SELECT r.executor_type FROM runs r WHERE r.run_id = u.run_id)
                WHEN 'runner' THEN coalesce((SELECT nullif(a.runner_id, 'external') FROM attempts a
                    WHERE a.run_id = u.run_id AND a.attempt = u.attempt), '')
        WHEN 'tree' THEN coalesce((SELECT s.root_session_id FROM sessions s WHERE s.session_id = u.session_id), '')
        WHEN 'user' THEN coalesce((SELECT r.person_id FROM runs r WHERE r.run_id = u.run_id), '')
        WHEN 'executor' THEN (SELECT r.executor_type FROM runs r WHERE r.run_id = u.run_id)
        WHEN 'runner' THEN coalesce((SELECT nullif(a.runner_id, 'external') FROM attempts a
            WHERE a.run_id = u.run_id AND a.attempt = u.attempt), '')
                ELSE CAST(u.booked_at / 86400000 AS TEXT)
            END)
) AS grouped
WHERE :by_cost = 1 OR key > :after OR (:from_first = 1 AND key = '')
GROUP BY key
HAVING :by_cost = 0 OR :from_first = 1 OR -coalesce(sum(cost_microdollars), -1) > :after_rank
    OR (-coalesce(sum(cost_microdollars), -1) = :after_rank AND key > :after)
ORDER BY CASE WHEN :by_cost = 1 THEN -coalesce(sum(cost_microdollars), -1) ELSE 0 END, key LIMIT :limit;

-- name: names_of_groups
-- Names of projects, milestones, sessions, tokens and runners and numbers of runs, by a JSON list of their ids. The
-- credential of a runner that was removed still says what it was called.
SELECT p.project_id AS key, p.name FROM json_each(:ids) AS listed JOIN projects p ON p.project_id = listed.value
UNION ALL
SELECT m.milestone_id AS key, m.title AS name FROM json_each(:ids) AS listed
    JOIN milestones m ON m.milestone_id = listed.value
UNION ALL
SELECT s.session_id AS key, coalesce(s.title, s.agent_name, '') AS name FROM json_each(:ids) AS listed
    JOIN sessions s ON s.session_id = listed.value
UNION ALL
SELECT r.run_id AS key, CAST(r.number AS TEXT) AS name FROM json_each(:ids) AS listed
    JOIN runs r ON r.run_id = listed.value
UNION ALL
SELECT t.token_id AS key, CASE WHEN t.label = '' THEN t.kind ELSE t.label END AS name FROM json_each(:ids) AS listed
    JOIN tokens t ON t.token_id = listed.value
UNION ALL
SELECT t.runner_id AS key, max(t.label) AS name FROM json_each(:ids) AS listed
    JOIN tokens t ON t.runner_id = listed.value AND t.runner_id IS NOT NULL GROUP BY t.runner_id;
