-- Which executors of a runner run their prompt as a script; until it registers anew, `command` counts as one.

ALTER TABLE runners ADD COLUMN script_executor_types TEXT NOT NULL DEFAULT '["command"]';   -- JSON list
