-- name: token_by_hash
-- The token of a secret.
SELECT * FROM tokens WHERE secret_hash = :secret_hash;

-- name: token_by_id
-- One token.
SELECT * FROM tokens WHERE token_id = :token_id;

-- name: insert_token
-- A token that is no runner's and no session's; an existing secret is left as it is.
INSERT INTO tokens (token_id, kind, secret_hash, label, project_id, created_at, expires_at, made_by)
VALUES (:token_id, :kind, :secret_hash, :label, :project_id, :now, :expires_at, :made_by)
ON CONFLICT (secret_hash) DO NOTHING;

-- name: list_tokens
-- A page of tokens, newest first, of the token's project when it has one.
SELECT * FROM tokens WHERE token_id < :before AND (:project_id = '' OR project_id = :project_id)
ORDER BY token_id DESC LIMIT :limit;

-- name: revoke_token
-- Ends a token; the first time stands.
UPDATE tokens SET revoked_at = :now WHERE token_id = :token_id AND revoked_at IS NULL;

-- name: hold_token
-- Whoever revokes this token waits until what is made with it is there to be revoked as well.
UPDATE tokens SET revoked_at = NULL WHERE token_id = :token_id AND revoked_at IS NULL;

-- name: tokens_by_maker
-- The logins that a token has let in, those that have ended too.
SELECT token_id FROM tokens WHERE made_by = :token_id;

-- name: forget_session_tokens
-- Removes tokens of attempts that were revoked long ago, the oldest first, a batch at a time.
DELETE FROM tokens WHERE token_id IN (SELECT token_id FROM tokens
    WHERE kind = 'session' AND revoked_at < :before ORDER BY revoked_at LIMIT :most);

-- name: project_by_id
-- One project.
SELECT * FROM projects WHERE project_id = :project_id;

-- name: insert_login_link
-- A link that logs one browser in.
INSERT INTO login_links (code_hash, made_by, expires_at) VALUES (:code_hash, :made_by, :expires_at);

-- name: login_link
-- The token that a link was made with: the link is worth as much as that is now.
SELECT t.token_id, t.project_id, t.label, t.revoked_at, t.expires_at FROM login_links l JOIN tokens t ON t.token_id = l.made_by
WHERE l.code_hash = :code_hash;

-- name: use_login_link
-- Takes a link away, once, while it may be used.
DELETE FROM login_links WHERE code_hash = :code_hash AND expires_at > :now;

-- name: forget_login_links
-- Removes links that nobody has used in time.
DELETE FROM login_links WHERE expires_at <= :now;

-- name: forget_browser_tokens
-- Removes logins of browsers that ended long ago, a batch at a time, and not before those that they have let in.
DELETE FROM tokens WHERE token_id IN (SELECT t.token_id FROM tokens t
    WHERE t.kind = 'browser' AND t.expires_at < :before
        AND NOT EXISTS (SELECT 1 FROM tokens m WHERE m.made_by = t.token_id)
    ORDER BY t.expires_at LIMIT :most);
