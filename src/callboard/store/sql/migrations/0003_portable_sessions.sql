-- Portable sessions: the transcript of a conversation is kept here, and the host of a waiting run becomes a preference.

ALTER TABLE sessions ADD COLUMN portable BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN preferred_host TEXT;       -- host of the conversation, where that is no strict demand
ALTER TABLE runs ADD COLUMN preferred_since BIGINT;    -- claimable there alone since; null: anywhere, or no preference
CREATE INDEX runs_preferring ON runs (preferred_since) WHERE preferred_since IS NOT NULL;

CREATE TABLE transcripts (                      -- the newest transcript of a session's conversation
    session_id          TEXT PRIMARY KEY REFERENCES sessions (session_id),
    executor_type       TEXT,
    executor_session_id TEXT,
    run_id              TEXT,                   -- the run after which it was taken
    run_number          BIGINT,
    size_bytes          BIGINT,
    sha256              TEXT,
    parts               TEXT NOT NULL DEFAULT '[]',   -- JSON list of the hashes of its parts, in order
    announced           TEXT NOT NULL DEFAULT '[]',   -- the same of one whose parts are arriving
    refused             TEXT CHECK (refused IN ('too_large')),
    stored_at           BIGINT                  -- null while none is stored
);

CREATE TABLE transcript_parts (
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    sha256     TEXT NOT NULL,                   -- of the part before it was compressed
    data       BYTEA NOT NULL,                  -- bytes as they are; SQLite takes any name of a type
    PRIMARY KEY (session_id, sha256)
);
