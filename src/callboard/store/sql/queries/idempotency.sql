-- name: remembered_answer
-- The answer that was given to a key of a token, while it is kept.
SELECT body_hash, status, answer FROM idempotency_keys
WHERE token_id = :token_id AND key = :key AND created_at > :oldest;

-- name: forget_answer
-- Makes room where the answer to a key is not kept any more.
DELETE FROM idempotency_keys WHERE token_id = :token_id AND key = :key AND created_at <= :oldest;

-- name: remember_answer
-- Keeps an answer for its repeats. Of two works with the same key the later one fails here, and is done again.
INSERT INTO idempotency_keys (token_id, key, body_hash, status, answer, created_at)
VALUES (:token_id, :key, :body_hash, :status, :answer, :now);

-- name: forget_old_answers
-- Removes the oldest answers that are not kept any more, a batch at a time.
DELETE FROM idempotency_keys WHERE (token_id, key) IN
    (SELECT token_id, key FROM idempotency_keys WHERE created_at <= :oldest ORDER BY created_at LIMIT :most);
