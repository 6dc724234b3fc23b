-- Projects, their places and issues; work sessions and what they hold.

-- name: insert_project
-- A new project.
INSERT INTO projects (project_id, name, default_branch, remote_url, tracker, settings, created_at)
VALUES (:project_id, :name, :default_branch, :remote_url, :tracker, :settings, :now)
ON CONFLICT (name) DO NOTHING;

-- name: change_project
-- What a project's repository says of itself.
UPDATE projects SET default_branch = :default_branch, remote_url = :remote_url, tracker = :tracker,
    settings = :settings WHERE project_id = :project_id;

-- name: list_projects
-- Projects by name, above a page mark.
SELECT * FROM projects WHERE name > :after AND (:project_id = '' OR project_id = :project_id)
ORDER BY name LIMIT :limit;

-- name: open_in_project
-- How much is open in a project: issues, and work sessions that hold some.
SELECT (SELECT count(*) FROM issues WHERE project_id = :project_id AND state = 'open') AS open_issues,
    (SELECT count(DISTINCT session_id) FROM active_issues WHERE project_id = :project_id) AS active_sessions;

-- name: delete_project
-- Removes a project that nothing belongs to any more.
DELETE FROM projects WHERE project_id = :project_id;

-- name: what_holds_project
-- What keeps a project from being removed: how many of each.
SELECT (SELECT count(*) FROM sessions WHERE project_id = :project_id) AS sessions,
    (SELECT count(*) FROM agents WHERE project_id = :project_id) AS agents,
    (SELECT count(*) FROM tokens WHERE project_id = :project_id AND revoked_at IS NULL) AS tokens;

-- name: delete_locations_of_project
-- A project that is removed has no places.
DELETE FROM locations WHERE project_id = :project_id;

-- name: delete_issues_of_project
-- Nor issues.
DELETE FROM issues WHERE project_id = :project_id;

-- name: delete_tasks_of_project
-- Nor tasks.
DELETE FROM tasks WHERE project_id = :project_id;

-- name: delete_milestones_of_project
-- Nor milestones.
DELETE FROM milestones WHERE project_id = :project_id;

-- name: insert_location
-- One more place of a project.
INSERT INTO locations (project_id, hostname, path, added_at) VALUES (:project_id, :hostname, :path, :now)
ON CONFLICT (hostname, path) DO NOTHING;

-- name: location_by_place
-- The project of a place.
SELECT * FROM locations WHERE hostname = :hostname AND path = :path;

-- name: delete_location
-- A place is none of the project's any more.
DELETE FROM locations WHERE project_id = :project_id AND hostname = :hostname AND path = :path;

-- name: locations_of_projects
-- The places of projects, by a JSON list of ids.
SELECT l.* FROM json_each(:ids) AS listed JOIN locations l ON l.project_id = listed.value
ORDER BY l.added_at, l.hostname, l.path;

-- name: worktrees_of_place
-- Work sessions whose worktree is, or is being made or removed, at a place of a project.
SELECT w.session_id, s.handle FROM work_sessions w JOIN sessions s ON s.session_id = w.session_id
WHERE w.hostname = :hostname AND w.repository = :path AND w.state IN ('preparing', 'prepared', 'undoing')
ORDER BY w.session_id LIMIT 20;

-- name: active_worktrees_of_place
-- The worktrees at a place in which work goes on, the newest first.
SELECT s.project_dir AS path FROM active_issues a
JOIN work_sessions w ON w.session_id = a.session_id JOIN sessions s ON s.session_id = a.session_id
WHERE a.project_id = :project_id AND w.state = 'prepared' AND s.project_dir IS NOT NULL
    AND (:hostname = '' OR w.hostname = :hostname) AND (:path = '' OR w.repository = :path)
GROUP BY s.project_dir ORDER BY max(a.session_id) DESC LIMIT 200;

-- name: worktrees_of_host
-- The worktrees on a host, of which one may hold a directory; the newest first.
SELECT w.session_id, w.project_id, s.workspace FROM work_sessions w JOIN sessions s ON s.session_id = w.session_id
WHERE w.hostname = :hostname AND w.state = 'prepared' AND s.workspace IS NOT NULL
ORDER BY w.session_id DESC LIMIT 2000;

-- name: worktrees_called
-- The worktrees whose folders have these names; the newest first.
SELECT w.session_id, s.workspace FROM json_each(:names) AS listed
JOIN work_sessions w ON w.directory_name = listed.value JOIN sessions s ON s.session_id = w.session_id
WHERE w.state = 'prepared' AND s.workspace IS NOT NULL
ORDER BY w.session_id DESC LIMIT 2000;

-- name: next_issue_number
-- Takes the next number of the local tracker: none that an issue of another tracker had before.
UPDATE projects SET last_issue = 1 + (SELECT max(n) FROM (SELECT last_issue AS n
    UNION ALL SELECT max(number) FROM issues WHERE project_id = :project_id) numbers)
WHERE project_id = :project_id AND tracker = 'local' RETURNING last_issue;

-- name: local_issues
-- The first issues of the local tracker in a project.
SELECT number FROM issues WHERE project_id = :project_id AND fetched_at IS NULL ORDER BY number LIMIT :limit;

-- name: insert_issue
-- An issue; of a tracker elsewhere also anew, as it is there now.
INSERT INTO issues (project_id, number, title, body, state, fetched_at, created_at, updated_at)
VALUES (:project_id, :number, :title, :body, :state, :fetched_at, :now, :now)
ON CONFLICT (project_id, number) DO UPDATE SET title = excluded.title, body = excluded.body, state = excluded.state,
    fetched_at = excluded.fetched_at, updated_at = excluded.updated_at;

-- name: close_other_issues
-- Issues of a tracker elsewhere that were not fetched just now, when all that are open from this number on were.
UPDATE issues SET state = 'closed', updated_at = :now
WHERE project_id = :project_id AND number >= :lowest AND state = 'open' AND fetched_at < :now;

-- name: change_issue
-- Title, body and state of an issue.
UPDATE issues SET title = :title, body = :body, state = :state, updated_at = :now
WHERE project_id = :project_id AND number = :number;

-- name: issue_by_number
-- An issue with what works on it.
SELECT i.*, a.session_id, t.task_id, t.milestone_id FROM issues i
LEFT JOIN active_issues a ON a.project_id = i.project_id AND a.number = i.number
LEFT JOIN tasks t ON t.project_id = i.project_id AND t.number = i.number
WHERE i.project_id = :project_id AND i.number = :number;

-- name: list_issues
-- The same, of a project, newest first, below a page mark.
SELECT i.*, a.session_id, t.task_id, t.milestone_id FROM issues i
LEFT JOIN active_issues a ON a.project_id = i.project_id AND a.number = i.number
LEFT JOIN tasks t ON t.project_id = i.project_id AND t.number = i.number
WHERE i.project_id = :project_id AND i.number < :before AND (:state = '' OR i.state = :state)
ORDER BY i.number DESC LIMIT :limit;

-- name: issue_titles
-- What issues are searched by, newest first, below a page mark.
SELECT number, title FROM issues
WHERE project_id = :project_id AND number < :before AND (:state = '' OR state = :state)
ORDER BY number DESC LIMIT :limit;

-- name: issues_by_number
-- Issues with what works on them, by a JSON list of numbers, newest first.
SELECT i.*, a.session_id, t.task_id, t.milestone_id FROM json_each(:numbers) AS listed
JOIN issues i ON i.project_id = :project_id AND i.number = CAST(listed.value AS BIGINT)
LEFT JOIN active_issues a ON a.project_id = i.project_id AND a.number = i.number
LEFT JOIN tasks t ON t.project_id = i.project_id AND t.number = i.number
ORDER BY i.number DESC;

-- name: reserve_issue
-- The reservation: the second of two that want one issue changes nothing. Numbers are reserved in their order.
INSERT INTO active_issues (project_id, number, session_id) VALUES (:project_id, :number, :session_id)
ON CONFLICT (project_id, number) DO NOTHING;

-- name: holder_of_issue
-- The active work session on an issue.
SELECT a.session_id, s.handle, s.lifecycle, s.issues FROM active_issues a JOIN sessions s ON s.session_id = a.session_id
WHERE a.project_id = :project_id AND a.number = :number;

-- name: work_at_path
-- Work that goes on, or that an agent still works on, in the worktree at a path of a project; also while that is made.
SELECT w.session_id, w.hostname, s.handle, s.lifecycle FROM active_issues a
JOIN work_sessions w ON w.session_id = a.session_id JOIN sessions s ON s.session_id = a.session_id
WHERE a.project_id = :project_id AND w.project_id = :project_id
    AND ((w.state = 'prepared' AND s.project_dir = :path) OR (w.state = 'preparing' AND w.directory_name = :folder))
UNION
SELECT w.session_id, w.hostname, s.handle, s.lifecycle FROM runs r
JOIN work_sessions w ON w.session_id = r.session_id JOIN sessions s ON s.session_id = r.session_id
WHERE r.status IN ('claimed', 'running', 'interrupted') AND w.project_id = :project_id
    AND ((w.state = 'prepared' AND s.project_dir = :path) OR (w.state = 'preparing' AND w.directory_name = :folder));

-- name: insert_session_issue
-- An issue that a session works on.
INSERT INTO session_issues (session_id, position, project_id, number)
VALUES (:session_id, :position, :project_id, :number);

-- name: active_sessions_on_issue
-- The active work sessions on an issue, one a project.
SELECT session_id FROM active_issues WHERE number = :number AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT 100;

-- name: latest_session_on_issue
-- The latest session that worked on an issue.
SELECT session_id FROM session_issues WHERE number = :number AND (:project_id = '' OR project_id = :project_id)
ORDER BY session_id DESC LIMIT 1;

-- name: begin_work
-- What a session that works on issues has besides others.
UPDATE sessions SET handle = :handle, issues = :issues, milestone_id = :milestone_id WHERE session_id = :session_id;

-- name: insert_work_session
-- Reserved; its worktree is still to be made.
INSERT INTO work_sessions (session_id, project_id, state, branch, directory_name, base_branch, reuse_branch,
    new_branch, lifecycle_at, prepare_by)
VALUES (:session_id, :project_id, 'preparing', :branch, :directory_name, :base_branch, :reuse_branch, :new_branch,
    :now, :prepare_by);

-- name: work_session
-- What only a session with a worktree has.
SELECT * FROM work_sessions WHERE session_id = :session_id;

-- name: work_cards
-- The same of several, by a JSON list of ids, with guidance, task and milestone, and what judges the latest run.
SELECT w.*, g.text AS guidance, g.created_at AS guided_at, t.task_id, t.number AS task_number, t.outcome AS task_outcome,
    m.number AS milestone_number, m.state AS milestone_state, (SELECT count(*) FROM tasks o
        WHERE o.milestone_id = m.milestone_id AND (o.outcome IS NULL OR o.outcome <> 'passed')) AS tasks_left,
    k.checks AS run_checks, k.outcomes AS run_outcomes, r.ended_at AS run_ended_at
FROM json_each(:ids) AS listed
JOIN work_sessions w ON w.session_id = listed.value
JOIN sessions s ON s.session_id = w.session_id
LEFT JOIN guidance g ON g.guidance_id = w.guidance_id
LEFT JOIN tasks t ON t.task_id = (SELECT l.task_id FROM tasks l WHERE l.session_id = w.session_id
    ORDER BY l.started_at DESC LIMIT 1)
LEFT JOIN milestones m ON m.milestone_id = s.milestone_id
LEFT JOIN task_runs k ON k.run_id = s.latest_run_id
LEFT JOIN runs r ON r.run_id = s.latest_run_id;

-- name: place_work
-- A runner of this place makes the worktree.
UPDATE work_sessions SET hostname = :hostname, repository = :path
WHERE session_id = :session_id AND state = 'preparing';

-- name: prepare_work
-- The worktree is there.
UPDATE work_sessions SET state = 'prepared', branch = :branch, base_branch = :base_branch,
    branch_is_ours = :branch_is_ours, prepare_by = NULL
WHERE session_id = :session_id AND state = 'preparing';

-- name: place_of_work
-- Where a work session's files are, and its issues as they were when they were taken.
UPDATE sessions SET workspace = :workspace, project_dir = :project_dir, issues = :issues, title = :title,
    updated_at = :now WHERE session_id = :session_id;

-- name: move_work
-- How it is with the worktree.
UPDATE work_sessions SET state = :state, prepare_by = NULL WHERE session_id = :session_id AND state = :from_state;

-- name: undo_failed
-- It could not be undone; somebody tries it again.
UPDATE work_sessions SET undo_error = :error, undo_tries = undo_tries + 1, undo_failed_at = :now,
    undo_runner_id = :runner_id
WHERE session_id = :session_id AND state = 'undoing';

-- name: undo_asked
-- It is tried now.
UPDATE work_sessions SET undo_failed_at = NULL WHERE session_id = :session_id;

-- name: undone
-- Nothing is left of it.
UPDATE work_sessions SET state = 'undone', undo_error = NULL, undo_tries = 0, undo_failed_at = NULL
WHERE session_id = :session_id AND state = 'undoing';

-- name: failed_undos
-- What could not be undone, the longest ago first.
SELECT session_id, undo_tries, undo_failed_at FROM work_sessions WHERE undo_failed_at IS NOT NULL
ORDER BY undo_failed_at LIMIT 200;

-- name: prompt_run
-- What the agent of a run that waits is asked.
UPDATE runs SET prompt = :prompt WHERE run_id = :run_id AND status = 'pending';

-- name: shipped_work
-- The pull request of a work session.
UPDATE work_sessions SET pull_request_url = :url WHERE session_id = :session_id;

-- name: set_session_lifecycle
-- How far the work is.
UPDATE sessions SET lifecycle = :lifecycle, updated_at = :now WHERE session_id = :session_id;

-- name: delete_active_issues_of_session
-- A session that goes away reserves nothing.
DELETE FROM active_issues WHERE session_id = :session_id;

-- name: delete_session_issues_of_session
-- Nor has it worked on anything.
DELETE FROM session_issues WHERE session_id = :session_id;

-- name: delete_work_sessions_of_session
-- Nor has it a worktree.
DELETE FROM work_sessions WHERE session_id = :session_id;

-- name: delete_guidance_of_session
-- Nor guidance.
DELETE FROM guidance WHERE session_id = :session_id;

-- name: delete_jobs_of_session
-- Nor jobs.
DELETE FROM jobs WHERE session_id = :session_id;
