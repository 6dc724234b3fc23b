-- Logins of browsers, and what the callboard itself looks for among many sessions.

CREATE TABLE login_links (
    code_hash  TEXT PRIMARY KEY,                -- SHA-256, hex; the code itself is nowhere
    made_by    TEXT NOT NULL,                   -- token_id
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_links_by_end ON login_links (expires_at);
CREATE INDEX tokens_of_browsers ON tokens (expires_at) WHERE kind = 'browser';

CREATE INDEX sessions_that_wait ON sessions (session_id) WHERE waiting_for IS NOT NULL;
CREATE INDEX sessions_to_look_at ON sessions (session_id) WHERE lifecycle IN ('stuck', 'reviews_in_progress', 'pr_ready');
CREATE INDEX sessions_on_board ON sessions (session_id) WHERE parent_session_id IS NULL AND archived_at IS NULL;
