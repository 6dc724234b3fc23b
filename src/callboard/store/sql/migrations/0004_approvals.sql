-- Approvals: an agent's request for permission, of one attempt, and the one decision on it.

CREATE TABLE approvals (
    approval_id   TEXT PRIMARY KEY,
    session_id    TEXT NOT NULL,
    run_id        TEXT NOT NULL REFERENCES runs (run_id),
    attempt       BIGINT NOT NULL,
    runner_id     TEXT NOT NULL,
    request_id    TEXT NOT NULL,                -- the executor's own name for it
    tool_name     TEXT NOT NULL,
    tool_input    TEXT NOT NULL,                -- JSON object
    tool_use_id   TEXT,
    description   TEXT NOT NULL,
    project_dir   TEXT,
    risk          TEXT NOT NULL,
    content_hash  TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('pending', 'allowed', 'denied', 'expired')),
    decided_by    TEXT,                         -- token_id
    reason        TEXT,
    updated_input TEXT,                         -- JSON object
    requested_at  BIGINT NOT NULL,
    decided_at    BIGINT,
    settled_at    BIGINT,                       -- the agent has the decision, or does not wait any more
    UNIQUE (run_id, attempt, request_id),
    CHECK ((status IN ('allowed', 'denied')) = (decided_at IS NOT NULL))
);
CREATE INDEX approvals_by_status ON approvals (status, approval_id);
CREATE INDEX approvals_by_session ON approvals (session_id, approval_id);
CREATE INDEX approvals_to_deliver ON approvals (runner_id)
    WHERE settled_at IS NULL AND status IN ('allowed', 'denied');

ALTER TABLE runs ADD COLUMN paused_at BIGINT;   -- since when its timeout stands still
ALTER TABLE runs ADD COLUMN paused_ms BIGINT NOT NULL DEFAULT 0;
