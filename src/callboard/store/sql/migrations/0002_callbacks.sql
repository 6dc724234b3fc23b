-- Callbacks: the end of a child's run on its way to the session that started it.

CREATE TABLE callbacks (
    callback_id         TEXT PRIMARY KEY,
    child_run_id        TEXT NOT NULL REFERENCES runs (run_id),
    child_session_id    TEXT NOT NULL,
    receiver_session_id TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('waiting', 'assigned', 'accepted', 'held', 'undeliverable')),
    announced           BIGINT NOT NULL DEFAULT 0, -- whether the receiver's log tells of it
    run_id              TEXT,                      -- the receiver's run that is to carry it, or carried it
    tries               BIGINT NOT NULL DEFAULT 0,
    why                 TEXT,                      -- held or undeliverable: a sentence
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    accepted_at         BIGINT,
    UNIQUE (child_run_id, receiver_session_id),
    CHECK (status NOT IN ('assigned', 'accepted') OR run_id IS NOT NULL),
    CHECK ((status = 'accepted') = (accepted_at IS NOT NULL))
);
CREATE INDEX callbacks_by_receiver ON callbacks (receiver_session_id, callback_id);
CREATE INDEX callbacks_by_status ON callbacks (status, callback_id);
CREATE INDEX callbacks_by_run ON callbacks (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX callbacks_by_child ON callbacks (child_session_id);

ALTER TABLE sessions ADD COLUMN callbacks_held BIGINT NOT NULL DEFAULT 0; -- a person or its parent stopped it
