-- What a start of tasks changed, until their worktree is there; if it does not come to be, that is put back.

ALTER TABLE work_sessions ADD COLUMN tasks_before TEXT;    -- JSON {tasks: [row], milestone: row or null}
