-- Messages that are to reach a live run; one that goes as a run of its own is that run.

CREATE TABLE messages (
    message_id        TEXT PRIMARY KEY,
    session_id        TEXT NOT NULL,
    run_id            TEXT NOT NULL,                -- the run that carries it
    text              TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('offered', 'taken', 'resumed', 'cancelled', 'refused')),
    created_by        TEXT NOT NULL,                -- token_id
    sender_session_id TEXT,                         -- the agent that sent it; null: a person
    sender_run_id     TEXT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    CHECK ((sender_session_id IS NULL) = (sender_run_id IS NULL))
);
CREATE INDEX messages_by_session ON messages (session_id, message_id);
CREATE INDEX messages_offered ON messages (run_id, message_id) WHERE status = 'offered';

ALTER TABLE attempts ADD COLUMN takes_messages BIGINT NOT NULL DEFAULT 0; -- whether its agent can be spoken to
