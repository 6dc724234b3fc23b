-- name: insert_message
-- A message for a live run.
INSERT INTO messages (message_id, session_id, run_id, text, status, created_by, sender_session_id, sender_run_id,
    created_at, updated_at)
VALUES (:message_id, :session_id, :run_id, :text, 'offered', :created_by, :sender_session_id, :sender_run_id, :now,
    :now);

-- name: listening_attempt
-- The agent of the attempt can be spoken to while it works.
UPDATE attempts SET takes_messages = 1 WHERE run_id = :run_id AND attempt = :attempt;

-- name: offered_messages
-- What the agent of a session has not taken yet, oldest first.
SELECT * FROM messages WHERE session_id = :session_id AND status = 'offered' ORDER BY message_id;

-- name: messages_for_runner
-- What agents of this runner are to be told.
SELECT m.message_id, m.text, r.run_id, r.attempt FROM messages m
JOIN runs r ON r.run_id = m.run_id
WHERE m.status = 'offered' AND r.runner_id = :runner_id AND r.status IN ('running', 'interrupted')
    AND r.stop_requested_at IS NULL
ORDER BY m.message_id LIMIT :limit;

-- name: settle_message
-- What became of a message that was offered; one that was cancelled may have been taken all the same.
UPDATE messages SET status = :status, run_id = :run_id, updated_at = :now
WHERE message_id = :message_id AND session_id = :session_id
    AND (status = 'offered' OR (status = 'cancelled' AND :status = 'taken'));

-- name: sessions_with_left_messages
-- Sessions with a message whose run has ended before its agent took it.
SELECT DISTINCT m.session_id FROM messages m
JOIN runs r ON r.run_id = m.run_id
WHERE m.status = 'offered' AND r.status IN ('completed', 'failed', 'stopped')
ORDER BY m.session_id LIMIT 100;

-- name: delete_messages_of_session
-- With a session go the messages to it.
DELETE FROM messages WHERE session_id = :session_id;
