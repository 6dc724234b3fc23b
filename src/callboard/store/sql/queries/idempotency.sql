-- name: remembered_answer
-- The answer that was given to a key of a token, while it is kept.
SELECT body_hash, status, answer FROM idempotency_keys
WHERE token_id = :token_id AND key = :key AND created_at > :oldest;

-- name: remember_answer
-- Keeps an answer for its repeats; one that is too old is replaced.
INSERT INTO idempotency_keys (token_id, key, body_hash, status, answer, created_at)
VALUES (:token_id, :key, :body_hash, :status, :answer, :now)
ON CONFLICT (token_id, key) DO UPDATE SET body_hash = excluded.body_hash, status = excluded.status,
    answer = excluded.answer, created_at = excluded.created_at;

-- name: forget_old_answers
-- Removes the oldest answers that are not kept any more, a batch at a time.
DELETE FROM idempotency_keys WHERE (token_id, key) IN
    (SELECT token_id, key FROM idempotency_keys WHERE created_at <= :oldest ORDER BY created_at LIMIT :most);
