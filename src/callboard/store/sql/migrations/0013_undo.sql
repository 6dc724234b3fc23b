-- What could not be undone: why, how often it was tried, and when last.

ALTER TABLE work_sessions ADD COLUMN undo_error TEXT;                 -- in words; null: it was not tried, or it worked
ALTER TABLE work_sessions ADD COLUMN undo_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE work_sessions ADD COLUMN undo_failed_at BIGINT;           -- null: nobody is to try it again
ALTER TABLE work_sessions ADD COLUMN undo_runner_id TEXT;             -- whose journal knows what was begun
CREATE INDEX work_sessions_to_undo ON work_sessions (undo_failed_at) WHERE undo_failed_at IS NOT NULL;
