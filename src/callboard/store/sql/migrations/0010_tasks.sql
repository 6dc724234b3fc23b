-- Iterations of tasks: what judges each, and what that said.

ALTER TABLE tasks ADD COLUMN closing BIGINT NOT NULL DEFAULT 0;   -- its own session is still to be closed
CREATE INDEX tasks_closing ON tasks (task_id) WHERE closing = 1;
CREATE INDEX tasks_by_session ON tasks (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE task_runs (
    run_id       TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,
    task_id      TEXT,                          -- null: the turn in which the summary of a milestone is written
    milestone_id TEXT,
    iteration    BIGINT NOT NULL,
    checks       TEXT NOT NULL,                 -- JSON list of what judges it
    outcomes     TEXT                           -- JSON list of what they said, once reported
);
CREATE INDEX task_runs_by_task ON task_runs (task_id, run_id) WHERE task_id IS NOT NULL;
CREATE INDEX task_runs_by_session ON task_runs (session_id, run_id);
CREATE INDEX milestones_by_end ON milestones (project_id, ended_at) WHERE summary IS NOT NULL;
