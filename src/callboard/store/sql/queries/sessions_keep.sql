-- name: describe_session
-- What a person writes about a session.
UPDATE sessions SET title = :title, labels = :labels, updated_at = :now WHERE session_id = :session_id;

-- name: archive_session
-- Puts a session away, or takes it out again.
UPDATE sessions SET archived_at = :archived_at, updated_at = :now WHERE session_id = :session_id;

-- name: has_children
-- One child of a session, if it has any.
SELECT session_id FROM sessions WHERE parent_session_id = :session_id ORDER BY session_id LIMIT 1;

-- name: working_tokens_of_session
-- Tokens of a session's attempts that still work.
SELECT token_id FROM tokens WHERE revoked_at IS NULL
    AND run_id IN (SELECT r.run_id FROM runs r WHERE r.session_id = :session_id);

-- name: delete_usage_of_session
-- With the session its ledger goes.
DELETE FROM usage_rows WHERE session_id = :session_id;

-- name: delete_attempts_of_session
-- Who held its attempts.
DELETE FROM attempts WHERE run_id IN (SELECT r.run_id FROM runs r WHERE r.session_id = :session_id);

-- name: delete_tokens_of_session
-- The tokens of its attempts.
DELETE FROM tokens WHERE run_id IN (SELECT r.run_id FROM runs r WHERE r.session_id = :session_id);

-- name: delete_events_of_session
-- Its log.
DELETE FROM event_batches WHERE session_id = :session_id;

-- name: delete_native_ids_of_session
-- The native ids that it owned.
DELETE FROM native_ids WHERE session_id = :session_id;

-- name: delete_bindings_of_session
-- Its bindings.
DELETE FROM bindings WHERE session_id = :session_id;

-- name: delete_runs_of_session
-- Its runs.
DELETE FROM runs WHERE session_id = :session_id;

-- name: delete_session
-- The session itself.
DELETE FROM sessions WHERE session_id = :session_id;
