-- Pools of money and tokens: which session has one, and which pool a session and its runs draw from.

CREATE TABLE budgets (                          -- a pool: a session that was created with a budget, and all below it
    session_id         TEXT PRIMARY KEY,
    top_session_id     TEXT NOT NULL,           -- the outermost pool around it: its row is locked before any is changed
    above_session_id   TEXT,                    -- the pool in which it lies; null: it is the outermost
    limit_microdollars BIGINT CHECK (limit_microdollars >= 0),   -- null: not limited by this pool
    limit_tokens       BIGINT CHECK (limit_tokens >= 0),
    spent_microdollars BIGINT NOT NULL DEFAULT 0,   -- the ledger of the session and of all below it
    spent_tokens       BIGINT NOT NULL DEFAULT 0,
    held_microdollars  BIGINT NOT NULL DEFAULT 0 CHECK (held_microdollars >= 0),   -- reserved above, not spent yet
    held_tokens        BIGINT NOT NULL DEFAULT 0 CHECK (held_tokens >= 0),
    is_open            BIGINT NOT NULL DEFAULT 0,   -- has or may have runs that have not ended; else it holds nothing
    created_at         BIGINT NOT NULL
);
CREATE INDEX budgets_by_top ON budgets (top_session_id);
CREATE INDEX budgets_open ON budgets (top_session_id) WHERE is_open = 1;

-- The nearest pool at or above; once there it stays. Runs repeat it, so that nobody has to read the session for it.
ALTER TABLE sessions ADD COLUMN pool_session_id TEXT;
ALTER TABLE runs ADD COLUMN pool_session_id TEXT;
CREATE INDEX sessions_by_pool ON sessions (pool_session_id) WHERE pool_session_id IS NOT NULL;
CREATE INDEX runs_by_pool ON runs (pool_session_id)
    WHERE pool_session_id IS NOT NULL AND status IN ('pending', 'claimed', 'running', 'interrupted');
