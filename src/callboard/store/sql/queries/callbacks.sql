-- name: insert_callback
-- The end of a child's run for the session that asked for it; there is one for each.
INSERT INTO callbacks (callback_id, child_run_id, child_session_id, receiver_session_id, status, created_at, updated_at)
VALUES (:callback_id, :child_run_id, :child_session_id, :receiver_session_id, 'waiting', :now, :now)
ON CONFLICT (child_run_id, receiver_session_id) DO NOTHING;

-- name: callback_by_id
-- One callback.
SELECT * FROM callbacks WHERE callback_id = :callback_id;

-- name: waiting_callbacks
-- What a session is still to be told, oldest first.
SELECT * FROM callbacks WHERE receiver_session_id = :session_id AND status = 'waiting'
ORDER BY callback_id LIMIT :limit;

-- name: held_callbacks
-- What a session is told with the next run that somebody starts, oldest first.
SELECT * FROM callbacks WHERE receiver_session_id = :session_id AND status = 'held'
ORDER BY callback_id LIMIT :limit;

-- name: callbacks_of_run
-- What a run of the receiver carries and has not accepted.
SELECT * FROM callbacks WHERE run_id = :run_id AND status IN ('waiting', 'assigned') ORDER BY callback_id;

-- name: move_callback
-- Every change of a callback's state, by compare-and-set.
UPDATE callbacks SET status = :status, run_id = :run_id, tries = :tries, why = :why, accepted_at = :accepted_at,
    updated_at = :now
WHERE callback_id = :callback_id AND status = :from_status;

-- name: carry_callback
-- The run that is to carry it; it is assigned when that run is claimed.
UPDATE callbacks SET run_id = :run_id WHERE callback_id = :callback_id AND status = 'waiting';

-- name: announce_callback
-- The receiver's log tells of it from now on.
UPDATE callbacks SET announced = 1 WHERE callback_id = :callback_id AND announced = 0;

-- name: receivers_to_look_at
-- Sessions with a callback that nobody has looked at, or that waits although nothing of the session is under way.
SELECT DISTINCT c.receiver_session_id FROM callbacks c
LEFT JOIN sessions s ON s.session_id = c.receiver_session_id
WHERE c.status = 'waiting' AND (c.announced = 0 OR s.session_id IS NULL OR s.archived_at IS NOT NULL
    OR s.callbacks_held = 1 OR (s.queued_runs = 0 AND NOT EXISTS (SELECT 1 FROM runs r
        WHERE r.session_id = s.session_id AND r.status IN ('claimed', 'running', 'interrupted'))))
ORDER BY c.receiver_session_id LIMIT 100;

-- name: callbacks_newest
-- A page of callbacks, newest first; the empty text is no filter.
SELECT c.* FROM callbacks c JOIN sessions s ON s.session_id = c.receiver_session_id
WHERE c.callback_id < :before AND (:status = '' OR c.status = :status)
    AND (:session_id = '' OR c.receiver_session_id = :session_id)
    AND (:project_id = '' OR s.project_id = :project_id)
ORDER BY c.callback_id DESC LIMIT :limit;

-- name: child_end
-- What a callback tells of a child's run.
SELECT r.session_id, r.run_id, r.status, r.reason, s.title, r.error_code, r.error_message, r.result_text, r.result_data
FROM runs r JOIN sessions s ON s.session_id = r.session_id WHERE r.run_id = :run_id;

-- name: write_prompt
-- The prompt of a run that carries callbacks, written when it is claimed.
UPDATE runs SET prompt = :prompt, parameters = :parameters WHERE run_id = :run_id AND status = 'claimed';

-- name: hold_callbacks
-- A session that a person or its parent stopped is not woken by callbacks, until somebody starts it again.
UPDATE sessions SET callbacks_held = :held WHERE session_id = :session_id AND callbacks_held <> :held;

-- name: open_callback_of_child
-- One callback of a child's runs that is not delivered yet.
SELECT callback_id FROM callbacks WHERE child_session_id = :session_id AND status IN ('waiting', 'assigned') LIMIT 1;

-- name: delete_callbacks_of_session
-- With a session go the callbacks to it and of it.
DELETE FROM callbacks WHERE receiver_session_id = :session_id OR child_session_id = :session_id;
