-- name: work_of_session
-- The work of a session, with what of the session itself belongs to it.
SELECT w.*, s.root_session_id, s.lifecycle, s.handle, s.issues, s.workspace, s.waiting_for, s.archived_at,
    s.latest_run_id, s.queued_runs
FROM work_sessions w JOIN sessions s ON s.session_id = w.session_id WHERE w.session_id = :session_id;

-- name: move_lifecycle
-- Every change of a lifecycle, by compare-and-set.
UPDATE sessions SET lifecycle = :lifecycle, updated_at = :now
WHERE session_id = :session_id AND lifecycle = :from_lifecycle;

-- name: note_lifecycle
-- What belongs to the new state.
UPDATE work_sessions SET lifecycle_at = :now, lifecycle_before = :lifecycle_before, stuck_reason = :stuck_reason
WHERE session_id = :session_id;

-- name: free_issues
-- The issues of a session that is not active any more are free for others.
DELETE FROM active_issues WHERE session_id = :session_id;

-- name: withdraw_runs
-- The pending runs of a halted session may not be claimed.
UPDATE runs SET queue_key = NULL WHERE session_id = :session_id AND status = 'pending' AND queue_key IS NOT NULL;

-- name: waits_no_longer_for
-- What a session waited for has come, or is not needed any more.
UPDATE sessions SET waiting_for = NULL WHERE session_id = :session_id AND waiting_for = :waiting_for;

-- name: note_report
-- In which run the lifecycle was reported last.
UPDATE work_sessions SET reported_run_id = :run_id WHERE session_id = :session_id;

-- name: note_pull_request
-- The pull request of the work.
UPDATE work_sessions SET pull_request_url = :pull_request_url WHERE session_id = :session_id;

-- name: note_worker_heartbeat
-- The worker lives.
UPDATE work_sessions SET heartbeat_at = :now WHERE session_id = :session_id;

-- name: halt_run
-- A run is ended because its work is halted; at a time, or (null) that is done.
UPDATE work_sessions SET halted_run_id = :run_id, halt_at = :halt_at WHERE session_id = :session_id;

-- name: runs_to_halt
-- Runs whose time to be ended has come.
SELECT session_id, halted_run_id FROM work_sessions WHERE halt_at IS NOT NULL AND halt_at <= :now
ORDER BY halt_at LIMIT 100;

-- name: insert_guidance
-- What a person wants a worker to do; all of it is kept.
INSERT INTO guidance (guidance_id, session_id, text, message_id, created_by, created_at)
VALUES (:guidance_id, :session_id, :text, :message_id, :created_by, :now);

-- name: give_guidance
-- The current one.
UPDATE work_sessions SET guidance_id = :guidance_id WHERE session_id = :session_id;

-- name: guidance_by_id
-- One guidance.
SELECT * FROM guidance WHERE guidance_id = :guidance_id;

-- name: guidance_of_message
-- The guidance that a message carries.
SELECT guidance_id FROM guidance WHERE message_id = :message_id;

-- name: guidance_newest
-- A page of a session's guidance, newest first, with what became of the message that carried it, and by whom in words.
SELECT g.*, m.status AS message_status, t.label AS created_by_label FROM guidance g
LEFT JOIN messages m ON m.message_id = g.message_id LEFT JOIN tokens t ON t.token_id = g.created_by
WHERE g.session_id = :session_id AND g.guidance_id < :before
ORDER BY g.guidance_id DESC LIMIT :limit;
