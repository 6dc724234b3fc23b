-- name: insert_approval
-- A request for permission; the same one, reported again, is there already.
INSERT INTO approvals (approval_id, session_id, run_id, attempt, runner_id, request_id, tool_name, tool_input,
    tool_use_id, description, project_dir, risk, content_hash, grant_key, status, requested_at)
VALUES (:approval_id, :session_id, :run_id, :attempt, :runner_id, :request_id, :tool_name, :tool_input, :tool_use_id,
    :description, :project_dir, :risk, :content_hash, :grant_key, 'pending', :now)
ON CONFLICT (run_id, attempt, request_id) DO NOTHING;

-- name: approval_by_id
-- One approval, and what the token of whoever decided is called.
SELECT a.*, t.label AS decided_by_label FROM approvals a LEFT JOIN tokens t ON t.token_id = a.decided_by
WHERE a.approval_id = :approval_id;

-- name: approval_of_attempt
-- The approval that an attempt asked for under this name.
SELECT a.*, t.label AS decided_by_label FROM approvals a LEFT JOIN tokens t ON t.token_id = a.decided_by
WHERE a.run_id = :run_id AND a.attempt = :attempt AND a.request_id = :request_id;

-- name: grant_of_session
-- The decision for the whole session that allows what is like it.
SELECT * FROM approvals WHERE session_id = :session_id AND grant_key = :grant_key AND scope = 'session'
    AND status = 'allowed' AND grant_key <> ''
ORDER BY approval_id LIMIT 1;

-- name: end_grants
-- From here on the agent asks again for what is like it.
UPDATE approvals SET scope = 'once' WHERE session_id = :session_id AND grant_key = :grant_key AND scope = 'session';

-- name: pending_approvals_of_run
-- What nobody has decided on yet.
SELECT * FROM approvals WHERE run_id = :run_id AND status = 'pending' ORDER BY approval_id;

-- name: decide_approval
-- The one decision.
UPDATE approvals SET status = :status, decided_by = :decided_by, reason = :reason, updated_input = :updated_input,
    scope = :scope, granted_by = :granted_by, decided_at = :now
WHERE approval_id = :approval_id AND status = 'pending';

-- name: expire_approval
-- Nobody waits for it any more.
UPDATE approvals SET status = 'expired', settled_at = :now WHERE approval_id = :approval_id AND status = 'pending';

-- name: settle_approval
-- The agent has the decision.
UPDATE approvals SET settled_at = :now WHERE approval_id = :approval_id AND settled_at IS NULL;

-- name: settle_approvals_of_run
-- The attempt has ended: no decision is delivered any more.
UPDATE approvals SET settled_at = :now WHERE run_id = :run_id AND settled_at IS NULL;

-- name: decisions_for_runner
-- Decisions that agents of this runner wait for.
SELECT a.run_id, a.attempt, a.request_id, a.status, a.reason, a.updated_input FROM approvals a
JOIN runs r ON r.run_id = a.run_id AND r.attempt = a.attempt
WHERE a.runner_id = :runner_id AND a.settled_at IS NULL AND a.status IN ('allowed', 'denied')
    AND r.status IN ('running', 'interrupted')
ORDER BY a.approval_id LIMIT 200;

-- name: approvals_newest
-- A page of approvals, newest first; the empty text is no filter.
SELECT a.*, t.label AS decided_by_label FROM approvals a JOIN sessions s ON s.session_id = a.session_id
    LEFT JOIN tokens t ON t.token_id = a.decided_by
WHERE a.approval_id < :before AND (:status = '' OR a.status = :status)
    AND (:session_id = '' OR a.session_id = :session_id)
    AND (:project_id = '' OR s.project_id = :project_id)
ORDER BY a.approval_id DESC LIMIT :limit;

-- name: wait_for
-- Who or what a session waits for.
UPDATE sessions SET waiting_for = :waiting_for WHERE session_id = :session_id;

-- name: pause_timeout
-- The run's timeout stands still while its agent waits for a person.
UPDATE runs SET paused_at = :now, deadline_at = NULL WHERE run_id = :run_id AND paused_at IS NULL;

-- name: resume_timeout
-- The run's timeout goes on; it has all the time that it had left.
UPDATE runs SET paused_ms = paused_ms + :now - paused_at, paused_at = NULL, deadline_at = :deadline_at
WHERE run_id = :run_id AND paused_at IS NOT NULL;

-- name: delete_approvals_of_session
-- With a session go its approvals.
DELETE FROM approvals WHERE session_id = :session_id;

-- name: oldest_pending_approval
-- What a session's agent waits for longest.
SELECT tool_name, tool_input, description, requested_at FROM approvals WHERE session_id = :session_id AND status = 'pending'
ORDER BY approval_id LIMIT 1;
