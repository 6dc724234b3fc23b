-- name: session_cards
-- Sessions, by a JSON list of ids, with what their answers show besides their columns.
SELECT s.*,
    b.generation AS binding_generation, b.executor_type AS binding_executor_type,
    b.executor_session_id AS binding_executor_session_id, b.hostname AS binding_hostname,
    b.project_dir AS binding_project_dir, b.runner_id AS binding_runner_id, b.run_id AS binding_run_id,
    b.bound_at AS binding_bound_at, b.ended_at AS binding_ended_at, b.reason AS binding_reason,
    e.reason AS end_reason, e.exit_code AS end_exit_code, e.stopped_by AS end_stopped_by,
    e.error_code AS end_error_code, e.error_message AS end_error_message,
    coalesce((SELECT m.model FROM runs m WHERE m.run_id = s.latest_run_id),
        (SELECT u.model FROM usage_rows u WHERE u.session_id = s.session_id
            GROUP BY u.model ORDER BY sum(u.output_tokens) DESC, u.model LIMIT 1)) AS model,
    (SELECT a.hostname FROM runs h JOIN attempts a ON a.run_id = h.run_id WHERE h.session_id = s.session_id
        ORDER BY h.number DESC, a.attempt DESC LIMIT 1) AS attempt_hostname,
    CASE WHEN EXISTS (SELECT 1 FROM runs l WHERE l.session_id = s.session_id
        AND l.status IN ('claimed', 'running', 'interrupted')) THEN 1 ELSE 0 END AS live,
    CASE WHEN EXISTS (SELECT 1 FROM callbacks u WHERE u.receiver_session_id = s.session_id
        AND u.status = 'undeliverable') THEN 1 ELSE 0 END AS undeliverable,
    (SELECT count(*) FROM callbacks v WHERE v.receiver_session_id = s.session_id
        AND v.status = 'held') AS held_callbacks,
    (SELECT count(*) FROM sessions c WHERE c.parent_session_id = s.session_id) AS children_total,
    (SELECT count(*) FROM sessions c WHERE c.parent_session_id = s.session_id AND (c.queued_runs > 0
        OR EXISTS (SELECT 1 FROM runs l WHERE l.session_id = c.session_id
            AND l.status IN ('claimed', 'running', 'interrupted')))) AS children_busy
FROM json_each(:ids) AS listed
JOIN sessions s ON s.session_id = listed.value
LEFT JOIN bindings b ON b.session_id = s.session_id AND b.ended_at IS NULL
LEFT JOIN runs e ON e.run_id = (SELECT r.run_id FROM runs r
    WHERE r.session_id = s.session_id AND r.ended_at IS NOT NULL ORDER BY r.number DESC LIMIT 1);

-- name: sessions_newest
-- Sessions below a page mark, newest first; the empty text is no filter. The next ones follow other indexes.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE session_id < :before
    AND (:status = '' OR status = :status)
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_status
-- The same, following the status.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE status = :status AND session_id < :before
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_agent
-- The same, following the agent.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE agent_name = :agent_name AND session_id < :before
    AND (:status = '' OR status = :status)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_project
-- The same, following the project.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE project_id = :project_id AND session_id < :before
    AND (:status = '' OR status = :status)
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_root
-- The same, following the tree.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE root_session_id = :root_session_id AND session_id < :before
    AND (:status = '' OR status = :status)
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_parent
-- The same, following the parent.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE parent_session_id = :parent_session_id AND session_id < :before
    AND (:status = '' OR status = :status)
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_runner
-- The same, of the sessions whose live run a runner holds.
SELECT session_id, title, agent_name, labels FROM sessions
WHERE session_id IN (SELECT r.session_id FROM runs r
        WHERE r.runner_id = :runner_id AND r.status IN ('claimed', 'running', 'interrupted'))
    AND session_id < :before
    AND (:status = '' OR status = :status)
    AND (:agent_name = '' OR agent_name = :agent_name)
    AND (:parent_session_id = '' OR parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR root_session_id = :root_session_id)
    AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT :limit;

-- name: sessions_of_work
-- The same, of those that work on issues; the lifecycle `active` is every one that has not ended.
SELECT s.session_id, s.title, s.agent_name, s.labels
FROM work_sessions w JOIN sessions s ON s.session_id = w.session_id
WHERE w.session_id < :before
    AND (:lifecycle = '' OR s.lifecycle = :lifecycle
        OR (:lifecycle = 'active' AND s.lifecycle NOT IN ('complete', 'cancelled', 'deleted')))
    AND (:status = '' OR s.status = :status)
    AND (:agent_name = '' OR s.agent_name = :agent_name)
    AND (:parent_session_id = '' OR s.parent_session_id = :parent_session_id)
    AND (:root_session_id = '' OR s.root_session_id = :root_session_id)
    AND (:project_id = '' OR s.project_id = :project_id)
ORDER BY w.session_id DESC LIMIT :limit;

-- name: sessions_ending_in
-- Sessions whose id ends in these characters.
SELECT session_id FROM sessions WHERE session_id LIKE '%' || :ending ORDER BY session_id DESC LIMIT :limit;

-- name: subtree
-- A session and all below it, parents before children.
WITH RECURSIVE below (session_id) AS (
    SELECT session_id FROM sessions WHERE session_id = :session_id
    UNION ALL
    SELECT c.session_id FROM sessions c JOIN below ON c.parent_session_id = below.session_id)
SELECT s.session_id, s.parent_session_id, s.depth, s.status, s.title, s.agent_name, s.queued_runs, s.waiting_for,
    s.lifecycle, s.created_at,
    CASE WHEN EXISTS (SELECT 1 FROM runs l WHERE l.session_id = s.session_id
        AND l.status IN ('claimed', 'running', 'interrupted')) THEN 1 ELSE 0 END AS live,
    CASE WHEN EXISTS (SELECT 1 FROM callbacks u WHERE u.receiver_session_id = s.session_id
        AND u.status = 'undeliverable') THEN 1 ELSE 0 END AS undeliverable
FROM below CROSS JOIN sessions s WHERE s.session_id = below.session_id
ORDER BY s.depth, s.session_id LIMIT :limit;

-- name: bindings_of_session
-- A page of a session's bindings, newest first.
SELECT * FROM bindings WHERE session_id = :session_id AND generation < :before
ORDER BY generation DESC LIMIT :limit;

-- name: sessions_in_hand
-- Sessions in which something lives, waits or is to be looked at, the newest ones; what only waits in the queue last.
SELECT s.session_id FROM (
    SELECT either.session_id, min(either.place) AS place FROM (
        SELECT r.session_id, 0 AS place FROM runs r WHERE r.status IN ('claimed', 'running', 'interrupted')
        UNION ALL SELECT p.session_id, 1 FROM runs p WHERE p.status = 'pending'
        UNION ALL SELECT w.session_id, 0 FROM sessions w WHERE w.waiting_for IS NOT NULL
        UNION ALL SELECT l.session_id, 0 FROM sessions l
            WHERE l.lifecycle IN ('stuck', 'reviews_in_progress', 'pr_ready')
        UNION ALL SELECT u.receiver_session_id, 0 FROM callbacks u WHERE u.status = 'undeliverable'
    ) AS either GROUP BY either.session_id
) AS found CROSS JOIN sessions s
WHERE s.session_id = found.session_id AND (:project_id = '' OR s.project_id = :project_id)
ORDER BY found.place, s.session_id DESC LIMIT :limit;

-- name: sessions_on_board
-- Sessions without a parent that are not archived and not in hand, the newest ones.
SELECT s.session_id FROM sessions s
WHERE s.parent_session_id IS NULL AND s.archived_at IS NULL AND (:project_id = '' OR s.project_id = :project_id)
    AND s.queued_runs = 0 AND s.waiting_for IS NULL
    AND (s.lifecycle IS NULL OR s.lifecycle NOT IN ('stuck', 'reviews_in_progress', 'pr_ready'))
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.session_id = s.session_id
        AND r.status IN ('claimed', 'running', 'interrupted'))
    AND s.session_id NOT IN (SELECT u.receiver_session_id FROM callbacks u WHERE u.status = 'undeliverable')
ORDER BY s.session_id DESC LIMIT :limit;

-- name: run_to_tell_of
-- A session's live run, else its latest: its moments, and how it ended in a few words.
SELECT created_at, started_at, interrupted_at, ended_at, reason, error_message,
    substr(result_text, 1, 1000) AS result_text FROM runs
WHERE session_id = :session_id
ORDER BY CASE WHEN status IN ('claimed', 'running', 'interrupted') THEN 0 ELSE 1 END, number DESC LIMIT 1;
