-- What became of the tasks of a milestone; they may belong to another one later.

ALTER TABLE milestones ADD COLUMN tasks_at_end TEXT;   -- JSON list of tasks as answered; null: it has not ended
