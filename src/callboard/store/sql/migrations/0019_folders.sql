-- Worktrees are found by the name of their folder: whose agents are meant in it.

CREATE INDEX work_sessions_by_folder ON work_sessions (directory_name) WHERE state = 'prepared';
