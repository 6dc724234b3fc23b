-- Tasks, their iterations, and milestones.

-- name: task_by_id
-- A task with its issue and the latest of its runs.
SELECT t.*, i.title, s.lifecycle, (SELECT max(r.run_id) FROM task_runs r WHERE r.task_id = t.task_id) AS run_id
FROM tasks t LEFT JOIN issues i ON i.project_id = t.project_id AND i.number = t.number
    LEFT JOIN sessions s ON s.session_id = t.session_id
WHERE t.task_id = :task_id;

-- name: task_by_number
-- The task of an issue.
SELECT * FROM tasks WHERE project_id = :project_id AND number = :number;

-- name: list_tasks
-- Tasks, newest first, below a page mark.
SELECT t.*, i.title, s.lifecycle, (SELECT max(r.run_id) FROM task_runs r WHERE r.task_id = t.task_id) AS run_id
FROM tasks t LEFT JOIN issues i ON i.project_id = t.project_id AND i.number = t.number
    LEFT JOIN sessions s ON s.session_id = t.session_id
WHERE t.task_id < :before AND (:project_id = '' OR t.project_id = :project_id)
    AND (:milestone_id = '' OR t.milestone_id = :milestone_id) AND (:number = 0 OR t.number = :number)
ORDER BY t.task_id DESC LIMIT :limit;

-- name: tasks_of_milestone
-- The tasks of a milestone, in the order of their issues.
SELECT t.*, i.title, s.lifecycle, (SELECT max(r.run_id) FROM task_runs r WHERE r.task_id = t.task_id) AS run_id
FROM tasks t LEFT JOIN issues i ON i.project_id = t.project_id AND i.number = t.number
    LEFT JOIN sessions s ON s.session_id = t.session_id
WHERE t.milestone_id = :milestone_id ORDER BY t.number LIMIT 1000;

-- name: task_at_work
-- The task of a session that has not ended.
SELECT * FROM tasks WHERE session_id = :session_id AND started_at IS NOT NULL AND ended_at IS NULL;

-- name: tasks_of_session
-- The tasks that are worked on, or were, in a session.
SELECT task_id, number FROM tasks WHERE session_id = :session_id ORDER BY number LIMIT 1000;

-- name: task_to_reopen
-- The task of a session that ended last without having passed.
SELECT * FROM tasks WHERE session_id = :session_id AND ended_at IS NOT NULL AND outcome NOT IN ('passed', 'skipped')
ORDER BY ended_at DESC LIMIT 1;

-- name: insert_task
-- An issue becomes a task.
INSERT INTO tasks (task_id, project_id, number, milestone_id, checks, max_iterations, depends_on, context, created_at)
VALUES (:task_id, :project_id, :number, :milestone_id, :checks, :max_iterations, :depends_on, :context, :now)
ON CONFLICT (project_id, number) DO NOTHING;

-- name: change_task
-- How a task is worked on.
UPDATE tasks SET milestone_id = :milestone_id, checks = :checks, max_iterations = :max_iterations,
    depends_on = :depends_on, context = :context
WHERE task_id = :task_id;

-- name: begin_task
-- The task is worked on in this session, from its first iteration.
UPDATE tasks SET session_id = :session_id, iteration = 1, outcome = NULL, started_at = :now, ended_at = NULL,
    closing = 0
WHERE task_id = :task_id;

-- name: join_task
-- The task will be worked on in the session of its milestone.
UPDATE tasks SET session_id = :session_id, iteration = 0, outcome = NULL, started_at = NULL, ended_at = NULL,
    closing = 0
WHERE task_id = :task_id;

-- name: keep_tasks_before
-- How the tasks of a new session were before it.
UPDATE work_sessions SET tasks_before = :tasks_before WHERE session_id = :session_id;

-- name: put_back_task
-- A task is as it was before a session that came to nothing.
UPDATE tasks SET session_id = :session_id, iteration = :iteration, outcome = :outcome, started_at = :started_at,
    ended_at = :ended_at, closing = :closing
WHERE task_id = :task_id AND session_id = :failed_session_id;

-- name: put_back_milestone
-- A milestone is as it was before a session that came to nothing.
UPDATE milestones SET state = :state, session_id = :session_id, started_at = :started_at
WHERE milestone_id = :milestone_id AND session_id = :failed_session_id;

-- name: iterate_task
-- One more iteration.
UPDATE tasks SET iteration = :iteration WHERE task_id = :task_id AND ended_at IS NULL;

-- name: end_task
-- What became of a task; a session of its own is still to be closed.
UPDATE tasks SET outcome = :outcome, ended_at = :now, closing = :closing WHERE task_id = :task_id AND ended_at IS NULL;

-- name: tasks_to_close
-- Tasks that have ended and whose own session is still to be closed.
SELECT task_id, session_id FROM tasks WHERE closing = 1 LIMIT 100;

-- name: close_session
-- The tracking unit is closed.
UPDATE sessions SET ended_at = :now, updated_at = :now WHERE session_id = :session_id AND ended_at IS NULL;

-- name: task_closed
-- The task's own session is closed.
UPDATE tasks SET closing = 0 WHERE task_id = :task_id;

-- name: insert_task_run
-- A run is an iteration of a task, or writes the summary of a milestone.
INSERT INTO task_runs (run_id, session_id, task_id, milestone_id, iteration, checks)
VALUES (:run_id, :session_id, :task_id, :milestone_id, :iteration, :checks);

-- name: judge_waiting_runs
-- An iteration that waits is judged by what judges the task now.
UPDATE task_runs SET checks = :checks
WHERE task_id = :task_id
    AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = task_runs.run_id AND r.status = 'pending');

-- name: task_of_run
-- The run's own column for the task.
UPDATE runs SET task_id = :task_id WHERE run_id = :run_id;

-- name: task_run
-- What a run is for its task.
SELECT * FROM task_runs WHERE run_id = :run_id;

-- name: latest_outcomes
-- What the checks said of the latest iteration of a task that was judged, up to a run.
SELECT run_id, outcomes FROM task_runs
WHERE task_id = :task_id AND run_id < :before AND session_id = :session_id AND outcomes IS NOT NULL
ORDER BY run_id DESC LIMIT 1;

-- name: answer_task_run
-- What the checks of a run said.
UPDATE task_runs SET outcomes = :outcomes WHERE run_id = :run_id;

-- name: delete_task_work_of_session
-- Nobody works on its tasks any more.
UPDATE tasks SET outcome = 'stopped', ended_at = started_at, closing = 0
WHERE session_id = :session_id AND started_at IS NOT NULL AND ended_at IS NULL;

-- name: delete_task_runs_of_session
-- With the session its iterations go.
DELETE FROM task_runs WHERE session_id = :session_id;

-- name: next_milestone_number
-- Takes the project's next number of a milestone.
UPDATE projects SET last_milestone = last_milestone + 1 WHERE project_id = :project_id RETURNING last_milestone;

-- name: insert_milestone
-- A milestone that is planned.
INSERT INTO milestones (milestone_id, project_id, number, title, state, created_at)
VALUES (:milestone_id, :project_id, :number, :title, 'planned', :now);

-- name: milestone_by_id
-- One milestone.
SELECT * FROM milestones WHERE milestone_id = :milestone_id;

-- name: list_milestones
-- Milestones, newest first, below a page mark.
SELECT * FROM milestones WHERE milestone_id < :before AND (:project_id = '' OR project_id = :project_id)
    AND (:number = 0 OR number = :number)
ORDER BY milestone_id DESC LIMIT :limit;

-- name: start_milestone
-- Its tasks are worked on in this session.
UPDATE milestones SET state = 'active', session_id = :session_id, started_at = :now WHERE milestone_id = :milestone_id;

-- name: move_milestone
-- How far it is.
UPDATE milestones SET state = :state WHERE milestone_id = :milestone_id AND state = :from_state;

-- name: end_milestone
-- It is over, with what the agent wrote of it and what became of its tasks.
UPDATE milestones SET state = 'ended', summary = :summary, tasks_at_end = :tasks_at_end, ended_at = :now
WHERE milestone_id = :milestone_id;

-- name: last_summary
-- What the milestone before says of itself.
SELECT milestone_id, number, title, summary FROM milestones
WHERE project_id = :project_id AND summary IS NOT NULL ORDER BY ended_at DESC LIMIT 1;

-- name: summarise_session
-- What the agent wrote of the session's work.
UPDATE sessions SET summary = :summary, updated_at = :now WHERE session_id = :session_id;
