-- name: runner_by_id
-- One runner.
SELECT * FROM runners WHERE runner_id = :runner_id;

-- name: all_runners
-- Every registered runner.
SELECT * FROM runners ORDER BY runner_id;

-- name: list_runners
-- A page of runners.
SELECT * FROM runners WHERE runner_id > :after ORDER BY runner_id LIMIT :limit;

-- name: upsert_runner
-- Registers a runner, or a newer process of it.
INSERT INTO runners (runner_id, hostname, project_dir, name, roots, executor_types, script_executor_types,
    tags, require_matching_tags, slots,
    version, facts, epoch, launch_token, credential_hash, registered_at, last_heard_at)
VALUES (:runner_id, :hostname, :project_dir, :name, :roots, :executor_types, :script_executor_types,
    :tags, :require_matching_tags, :slots,
    :version, :facts, :epoch, :launch_token, :credential_hash, :now, :now)
ON CONFLICT (runner_id) DO UPDATE SET roots = excluded.roots, executor_types = excluded.executor_types,
    script_executor_types = excluded.script_executor_types, tags = excluded.tags, require_matching_tags = excluded.require_matching_tags, slots = excluded.slots,
    version = excluded.version, facts = excluded.facts, epoch = excluded.epoch, launch_token = excluded.launch_token,
    last_heard_at = excluded.last_heard_at;

-- name: heard_runner
-- A heartbeat, or a poll.
UPDATE runners SET last_heard_at = :now, clock_skew_ms = :clock_skew_ms WHERE runner_id = :runner_id;

-- name: told_facts
-- What a runner says of itself and its machine, now and then with a heartbeat.
UPDATE runners SET facts = :facts WHERE runner_id = :runner_id;

-- name: drain_runner
-- Drains a runner, or lets it take runs again.
UPDATE runners SET draining = :draining WHERE runner_id = :runner_id;

-- name: delete_runner
-- A person removes a runner, or it leaves.
DELETE FROM runners WHERE runner_id = :runner_id;

-- name: runner_token
-- The credential of a runner; that of one that was removed works again when it joins again.
INSERT INTO tokens (token_id, kind, secret_hash, label, runner_id, created_at)
VALUES (:token_id, 'runner', :secret_hash, :label, :runner_id, :now)
ON CONFLICT (secret_hash) DO UPDATE SET revoked_at = NULL
    WHERE tokens.kind = 'runner' AND tokens.runner_id = excluded.runner_id;

-- name: tokens_of_runner
-- The tokens of a runner that still work.
SELECT token_id FROM tokens WHERE runner_id = :runner_id AND revoked_at IS NULL;

-- name: revoke_runner_tokens
-- A removed runner's credential dies with it.
UPDATE tokens SET revoked_at = :now WHERE runner_id = :runner_id AND revoked_at IS NULL;

-- name: insert_session_token
-- The token of an attempt, made by the runner; only its hash comes here.
INSERT INTO tokens (token_id, kind, secret_hash, label, project_id, session_id, run_id, attempt, created_at)
VALUES (:token_id, 'session', :secret_hash, '', :project_id, :session_id, :run_id, :attempt, :now)
ON CONFLICT (secret_hash) DO NOTHING;

-- name: session_tokens_of_run
-- The session tokens of a run that still work.
SELECT token_id FROM tokens WHERE run_id = :run_id AND revoked_at IS NULL;

-- name: revoke_session_tokens
-- The tokens of a run die with the attempt.
UPDATE tokens SET revoked_at = :now WHERE run_id = :run_id AND revoked_at IS NULL;
