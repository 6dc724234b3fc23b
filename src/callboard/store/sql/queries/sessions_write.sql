-- name: session_by_id
-- One session, all columns.
SELECT * FROM sessions WHERE session_id = :session_id;

-- name: insert_session
-- A new session, with its first run on the way; it draws from its parent's pool. Its tree was begun by a person: who
-- let the browser in is known for longer than the browser.
INSERT INTO sessions (session_id, parent_session_id, root_session_id, depth, created_by, context, external, project_id,
    agent_name, executor_type, title, labels, project_dir, portable, status, queued_runs, run_count, latest_run_id,
    created_at, updated_at, pool_session_id, person_id)
VALUES (:session_id, :parent_session_id, :root_session_id, :depth, :created_by, :context, :external, :project_id,
    :agent_name, :executor_type, :title, :labels, :project_dir, :portable, :status, :queued_runs, :run_count,
    :latest_run_id, :now, :now,
    (SELECT p.pool_session_id FROM sessions p WHERE p.session_id = :parent_session_id),
    CASE WHEN EXISTS (SELECT 1 FROM sessions p WHERE p.session_id = :parent_session_id)
        THEN (SELECT p.person_id FROM sessions p WHERE p.session_id = :parent_session_id)
    ELSE (WITH RECURSIVE makers (token_id, kind, made_by) AS (
            SELECT t.token_id, t.kind, t.made_by FROM tokens t WHERE t.token_id = :created_by
            UNION SELECT t.token_id, t.kind, t.made_by FROM makers JOIN tokens t ON t.token_id = makers.made_by)
        SELECT token_id FROM makers WHERE made_by IS NULL AND kind IN ('owner', 'user', 'browser')) END);

-- name: fork_session
-- A new session goes on from what another one was told and did.
UPDATE sessions SET forked_from = :forked_from WHERE session_id = :session_id;

-- name: add_run_to_session
-- Takes the next run number of a session; a person's later run reopens what was closed.
UPDATE sessions SET run_count = run_count + 1, latest_run_id = :run_id, queued_runs = queued_runs + 1,
    executor_type = :executor_type, ended_at = NULL, updated_at = :now
WHERE session_id = :session_id
RETURNING run_count;

-- name: refresh_session
-- Writes what is derived from the session's runs.
UPDATE sessions SET status = :status, queued_runs = :queued_runs, updated_at = :now,
    waiting_for = CASE WHEN :waits_for_budget = 1 THEN 'budget' WHEN waiting_for = 'budget' THEN NULL ELSE waiting_for END
WHERE session_id = :session_id;

-- name: resumed_session
-- A later run of the session begins; whoever starts it lets callbacks through again.
UPDATE sessions SET last_resumed_at = :now, callbacks_held = 0 WHERE session_id = :session_id;

-- name: place_session
-- The directory of a session that asked for none: the base of the runner that claimed it first.
UPDATE sessions SET project_dir = :project_dir WHERE session_id = :session_id AND project_dir IS NULL;

-- name: count_children
-- How many children a session has.
SELECT count(*) AS children FROM sessions WHERE parent_session_id = :session_id;

-- name: count_tree
-- How many sessions a tree has.
SELECT count(*) AS sessions FROM sessions WHERE root_session_id = :root_session_id;

-- name: children_of
-- The ids of a session's children.
SELECT session_id FROM sessions WHERE parent_session_id = :session_id ORDER BY session_id LIMIT 10000;

-- name: set_tree_stopping
-- Refuses new children below a session, or takes them again.
UPDATE sessions SET tree_stopping = :stopping WHERE session_id = :session_id;

-- name: stopping_trees
-- Sessions whose subtree is being stopped.
SELECT session_id, root_session_id FROM sessions WHERE tree_stopping = 1 LIMIT 100;

-- name: open_binding
-- The binding that carries the session now.
SELECT * FROM bindings WHERE session_id = :session_id AND ended_at IS NULL;

-- name: close_binding
-- Ends the open binding.
UPDATE bindings SET ended_at = :now WHERE session_id = :session_id AND ended_at IS NULL;

-- name: insert_binding
-- The next generation.
INSERT INTO bindings (session_id, generation, executor_type, executor_session_id, id_scope, hostname, project_dir,
    runner_id, run_id, attempt, bound_at, reason)
VALUES (:session_id, :generation, :executor_type, :executor_session_id, :id_scope, :hostname, :project_dir,
    :runner_id, :run_id, :attempt, :now, :reason);

-- name: last_generation
-- The highest generation of a session, 0 for none.
SELECT coalesce(max(generation), 0) AS generation FROM bindings WHERE session_id = :session_id;

-- name: owner_of_native_id
-- The session that a native id belongs to.
SELECT session_id FROM native_ids
WHERE executor_type = :executor_type AND executor_session_id = :executor_session_id AND id_scope = :id_scope;

-- name: take_native_id
-- Gives a native id to a new session. Of two that come with it at once the later one fails here, and is done again.
INSERT INTO native_ids (executor_type, executor_session_id, id_scope, session_id)
VALUES (:executor_type, :executor_session_id, :id_scope, :session_id);

-- name: own_native_id
-- Gives a native id to a session, unless another has it.
INSERT INTO native_ids (executor_type, executor_session_id, id_scope, session_id)
VALUES (:executor_type, :executor_session_id, :id_scope, :session_id)
ON CONFLICT (executor_type, executor_session_id, id_scope) DO NOTHING;

-- name: bound_attempt
-- Remembers the native id that an attempt reported.
UPDATE attempts SET bound_id = :bound_id WHERE run_id = :run_id AND attempt = :attempt;

-- name: project_by_name
-- A project by its name or id.
SELECT project_id FROM projects WHERE name = :project OR project_id = :project;
