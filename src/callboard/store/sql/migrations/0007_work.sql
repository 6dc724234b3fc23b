-- Projects with their places and issues; work sessions with reservation, workspace, lifecycle and guidance; tasks and
-- milestones; jobs that runners do in repositories.

ALTER TABLE projects ADD COLUMN default_branch TEXT;
ALTER TABLE projects ADD COLUMN remote_url TEXT;                      -- without credentials
ALTER TABLE projects ADD COLUMN tracker TEXT NOT NULL DEFAULT 'local';
ALTER TABLE projects ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';  -- JSON, from .callboard/config.toml
ALTER TABLE projects ADD COLUMN last_issue BIGINT NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN last_milestone BIGINT NOT NULL DEFAULT 0;

CREATE TABLE locations (
    project_id TEXT NOT NULL REFERENCES projects (project_id),
    hostname   TEXT NOT NULL,
    path       TEXT NOT NULL,
    added_at   BIGINT NOT NULL,
    PRIMARY KEY (hostname, path)
);
CREATE INDEX locations_by_project ON locations (project_id);

CREATE TABLE milestones (
    milestone_id TEXT PRIMARY KEY,
    project_id   TEXT NOT NULL REFERENCES projects (project_id),
    number       BIGINT NOT NULL,
    title        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('planned', 'active', 'ending', 'ended')),
    session_id   TEXT,
    summary      TEXT,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    ended_at     BIGINT,
    UNIQUE (project_id, number)
);

CREATE TABLE issues (
    project_id   TEXT NOT NULL REFERENCES projects (project_id),
    number       BIGINT NOT NULL CHECK (number > 0),
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    fetched_at   BIGINT,                        -- from a tracker elsewhere; null: the local tracker's own
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (project_id, number)
);

CREATE TABLE tasks (                            -- the task settings of an issue
    task_id        TEXT PRIMARY KEY,
    project_id     TEXT NOT NULL,
    number         BIGINT NOT NULL,
    milestone_id   TEXT REFERENCES milestones (milestone_id),
    checks         TEXT NOT NULL,               -- JSON list of names, or of {name, argv} by the owner
    max_iterations BIGINT NOT NULL,
    depends_on     TEXT NOT NULL,               -- JSON list of issue numbers of the same project
    context        TEXT NOT NULL CHECK (context IN ('persistent', 'fresh')),
    outcome        TEXT CHECK (outcome IN ('passed', 'max_iterations', 'budget_exceeded', 'stopped', 'agent_failed', 'skipped')),
    session_id     TEXT,                        -- of the last time that it was run
    iteration      BIGINT NOT NULL DEFAULT 0,
    started_at     BIGINT,
    ended_at       BIGINT,
    created_at     BIGINT NOT NULL,
    UNIQUE (project_id, number)
);
CREATE INDEX tasks_by_milestone ON tasks (milestone_id) WHERE milestone_id IS NOT NULL;

CREATE TABLE active_issues (                    -- the reservation: a row exactly while its session is active
    project_id TEXT NOT NULL,
    number     BIGINT NOT NULL,
    session_id TEXT NOT NULL,                   -- its row follows in the same transaction
    PRIMARY KEY (project_id, number)
);
CREATE INDEX active_issues_by_session ON active_issues (session_id);
CREATE INDEX active_issues_by_number ON active_issues (number, project_id);

CREATE TABLE session_issues (                   -- every issue that a session ever worked on, in its order
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    position   BIGINT NOT NULL,
    project_id TEXT NOT NULL,
    number     BIGINT NOT NULL,
    PRIMARY KEY (session_id, position)
);
CREATE INDEX session_issues_by_number ON session_issues (number, project_id);

CREATE TABLE work_sessions (                    -- what only a session with a worktree has
    session_id        TEXT PRIMARY KEY REFERENCES sessions (session_id),
    project_id        TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('preparing', 'prepared', 'undoing', 'undone', 'removed')),
    hostname          TEXT,                     -- of the location, once a runner has taken it
    repository        TEXT,                     -- path of the location
    branch            TEXT NOT NULL,
    directory_name    TEXT NOT NULL,            -- of the worktree
    base_branch       TEXT,
    reuse_branch      BIGINT NOT NULL DEFAULT 0,
    new_branch        BIGINT NOT NULL DEFAULT 0,
    branch_is_ours    BIGINT NOT NULL DEFAULT 0, -- made by the preparation, so that an undo may remove it
    lifecycle_before  TEXT,                     -- what a pause goes back to
    stuck_reason      TEXT,
    pull_request_url  TEXT,
    guidance_id       TEXT,                     -- the current one
    reported_run_id   TEXT,                     -- the run in which the lifecycle was reported last
    halted_run_id     TEXT,                     -- the run that stuck, pause or cancel ends
    halt_at           BIGINT,                   -- when, if that is still to be done
    heartbeat_at      BIGINT,
    lifecycle_at      BIGINT NOT NULL,
    prepare_by        BIGINT                    -- when an unfinished preparation is undone
);
CREATE INDEX work_sessions_preparing ON work_sessions (prepare_by) WHERE prepare_by IS NOT NULL;
CREATE INDEX work_sessions_to_halt ON work_sessions (halt_at) WHERE halt_at IS NOT NULL;
CREATE INDEX work_sessions_by_place ON work_sessions (hostname, repository) WHERE hostname IS NOT NULL;

CREATE TABLE guidance (                         -- the latest is current; all are kept for the operator
    guidance_id TEXT PRIMARY KEY,
    session_id  TEXT NOT NULL,
    text        TEXT NOT NULL,
    message_id  TEXT,                           -- as which it was told to an agent at work
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX guidance_by_message ON guidance (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX guidance_by_session ON guidance (session_id, guidance_id);

CREATE TABLE jobs (                             -- what a runner of a location is to do in its repository
    job_id        TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN
        ('prepare', 'undo', 'write_state', 'remove', 'ship', 'diff', 'list_worktrees', 'fetch_issues')),
    project_id    TEXT NOT NULL,
    session_id    TEXT,
    hostname      TEXT,                         -- null: any location of the project
    path          TEXT,                         -- of the location; null: any
    request       TEXT NOT NULL,                -- JSON
    status        TEXT NOT NULL CHECK (status IN ('waiting', 'taken', 'done', 'failed')),
    runner_id     TEXT,
    runner_epoch  BIGINT,
    answer        TEXT,                         -- JSON
    error_code    TEXT,
    error_message TEXT,
    error_hint    TEXT,
    created_by    TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    deadline_at   BIGINT NOT NULL,              -- failed `job_timeout` when it has not ended by then
    taken_at      BIGINT,
    ended_at      BIGINT,
    CHECK ((status IN ('done', 'failed')) = (ended_at IS NOT NULL))
);
CREATE INDEX jobs_waiting ON jobs (hostname, job_id) WHERE status = 'waiting';
CREATE INDEX jobs_taken ON jobs (runner_id, job_id) WHERE status = 'taken';
CREATE INDEX jobs_at_work ON jobs (hostname, path, kind, job_id) WHERE ended_at IS NULL;
CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE ended_at IS NULL;
CREATE INDEX jobs_by_session ON jobs (session_id, job_id) WHERE session_id IS NOT NULL;
