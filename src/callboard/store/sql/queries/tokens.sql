-- name: token_by_hash
-- The token of a secret.
SELECT * FROM tokens WHERE secret_hash = :secret_hash;

-- name: token_by_id
-- One token.
SELECT * FROM tokens WHERE token_id = :token_id;

-- name: insert_token
-- A token that is no runner's and no session's; an existing secret is left as it is.
INSERT INTO tokens (token_id, kind, secret_hash, label, project_id, created_at, expires_at)
VALUES (:token_id, :kind, :secret_hash, :label, :project_id, :now, :expires_at)
ON CONFLICT (secret_hash) DO NOTHING;

-- name: list_tokens
-- A page of tokens, newest first, of the token's project when it has one.
SELECT * FROM tokens WHERE token_id < :before AND (:project_id = '' OR project_id = :project_id)
ORDER BY token_id DESC LIMIT :limit;

-- name: revoke_token
-- Ends a token; the first time stands.
UPDATE tokens SET revoked_at = :now WHERE token_id = :token_id AND revoked_at IS NULL;

-- name: forget_session_tokens
-- Removes tokens of attempts that were revoked long ago, the oldest first, a batch at a time.
DELETE FROM tokens WHERE token_id IN (SELECT token_id FROM tokens
    WHERE kind = 'session' AND revoked_at < :before ORDER BY revoked_at LIMIT :most);

-- name: project_by_id
-- One project.
SELECT * FROM projects WHERE project_id = :project_id;
