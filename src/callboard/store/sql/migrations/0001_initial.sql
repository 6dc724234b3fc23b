-- The first schema. Written for SQLite and PostgreSQL alike: BIGINT, TEXT and BLOB-like TEXT only.
-- Times are integer milliseconds of the database's clock, JSON is text, money is in micro-dollars.
-- On PostgreSQL "INTEGER PRIMARY KEY" of event_batches becomes an identity column (an override with its reason).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE projects (
    project_id TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE tokens (
    token_id    TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('owner', 'user', 'runner_join', 'runner', 'session', 'read_only', 'browser')),
    secret_hash TEXT NOT NULL UNIQUE,           -- SHA-256, hex; the secret itself is nowhere
    label       TEXT NOT NULL DEFAULT '',
    project_id  TEXT REFERENCES projects (project_id),
    runner_id   TEXT,
    session_id  TEXT,
    run_id      TEXT,
    attempt     BIGINT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT,
    CHECK ((kind = 'runner') = (runner_id IS NOT NULL)),
    CHECK ((kind = 'session') = (session_id IS NOT NULL AND run_id IS NOT NULL AND attempt IS NOT NULL))
);
CREATE INDEX tokens_by_runner ON tokens (runner_id) WHERE runner_id IS NOT NULL;
CREATE INDEX tokens_revoked ON tokens (kind, revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tokens_by_run ON tokens (run_id, attempt) WHERE run_id IS NOT NULL;

CREATE TABLE runners (
    runner_id             TEXT PRIMARY KEY,
    hostname              TEXT NOT NULL,
    project_dir           TEXT NOT NULL,
    name                  TEXT NOT NULL,
    roots                 TEXT NOT NULL,        -- JSON list
    executor_types        TEXT NOT NULL,        -- JSON list
    tags                  TEXT NOT NULL,        -- JSON list
    require_matching_tags BIGINT NOT NULL,
    slots                 BIGINT NOT NULL,
    version               TEXT NOT NULL,
    facts                 TEXT NOT NULL,        -- JSON object
    epoch                 BIGINT NOT NULL,      -- one more with every process that takes over
    launch_token          TEXT NOT NULL,        -- of the process that registered last
    credential_hash       TEXT NOT NULL,
    draining              BIGINT NOT NULL DEFAULT 0,
    clock_skew_ms         BIGINT NOT NULL DEFAULT 0,
    registered_at         BIGINT NOT NULL,
    last_heard_at         BIGINT NOT NULL
);

CREATE TABLE sessions (
    session_id        TEXT PRIMARY KEY,
    parent_session_id TEXT REFERENCES sessions (session_id),
    root_session_id   TEXT NOT NULL,
    depth             BIGINT NOT NULL CHECK (depth >= 0),
    created_by        TEXT NOT NULL,            -- token_id, or the kind of thing that created it
    context           TEXT NOT NULL CHECK (context IN ('persistent', 'fresh')),
    external          BIGINT NOT NULL DEFAULT 0,
    project_id        TEXT REFERENCES projects (project_id),
    milestone_id      TEXT,
    agent_name        TEXT,
    executor_type     TEXT,                     -- of the latest run
    title             TEXT,
    labels            TEXT NOT NULL DEFAULT '{}',
    handle            TEXT,
    issues            TEXT NOT NULL DEFAULT '[]',
    project_dir       TEXT,                     -- asked for, or the claiming runner's base
    workspace         TEXT,                     -- JSON {hostname, path, branch, base_commit}
    lifecycle         TEXT,
    waiting_for       TEXT CHECK (waiting_for IN ('approval', 'question', 'trust', 'report', 'budget')),
    summary           TEXT,
    status            TEXT NOT NULL CHECK (status IN
        ('pending', 'running', 'stopping', 'interrupted', 'finished', 'failed', 'stopped')),
    queued_runs       BIGINT NOT NULL DEFAULT 0 CHECK (queued_runs >= 0),
    run_count         BIGINT NOT NULL DEFAULT 0,
    latest_run_id     TEXT,
    last_seq          BIGINT NOT NULL DEFAULT 0,
    last_transaction  BIGINT NOT NULL DEFAULT 0,   -- greatest transaction_id of its events; 0 with one writer
    tree_stopping     BIGINT NOT NULL DEFAULT 0,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    last_resumed_at   BIGINT,
    ended_at          BIGINT,
    archived_at       BIGINT,
    CHECK ((parent_session_id IS NULL) = (depth = 0))
);
CREATE INDEX sessions_by_parent ON sessions (parent_session_id) WHERE parent_session_id IS NOT NULL;
CREATE INDEX sessions_by_root ON sessions (root_session_id, session_id);
CREATE INDEX sessions_by_status ON sessions (status, session_id);
CREATE INDEX sessions_by_agent ON sessions (agent_name, session_id) WHERE agent_name IS NOT NULL;
CREATE INDEX sessions_stopping ON sessions (session_id) WHERE tree_stopping = 1;
CREATE INDEX sessions_by_project ON sessions (project_id, session_id) WHERE project_id IS NOT NULL;

CREATE TABLE demand_classes (
    demand_class    TEXT PRIMARY KEY,           -- hash of the normalised demands
    demands         TEXT NOT NULL,              -- JSON
    unmatched_since BIGINT                      -- null while some registered runner, online or not, fits
);

CREATE TABLE runs (
    run_id            TEXT PRIMARY KEY,
    session_id        TEXT NOT NULL REFERENCES sessions (session_id),
    number            BIGINT NOT NULL,
    type              TEXT NOT NULL CHECK (type IN ('start_session', 'resume_session')),
    "trigger"         TEXT NOT NULL CHECK ("trigger" IN ('user', 'agent', 'callback', 'task', 'issue', 'external')),
    prompt            TEXT,
    parameters        TEXT,                     -- JSON
    agent             TEXT,                     -- JSON snapshot
    agent_name        TEXT,
    executor_type     TEXT NOT NULL,
    demands           TEXT NOT NULL,            -- JSON
    demand_class      TEXT NOT NULL,
    execution_mode    TEXT NOT NULL CHECK (execution_mode IN ('sync', 'async_poll', 'async_callback')),
    priority          BIGINT NOT NULL,
    limits            TEXT NOT NULL,            -- JSON
    on_lost           TEXT NOT NULL CHECK (on_lost IN ('wait', 'retry', 'fail')),
    repeatable        BIGINT NOT NULL,
    model             TEXT,
    permission_mode   TEXT,
    project_dir       TEXT,
    traceparent       TEXT,
    created_by        TEXT NOT NULL,
    from_log          BIGINT NOT NULL DEFAULT 0,   -- hands over to a new conversation
    caller_session_id TEXT,                     -- receiver of the callback, proven
    status            TEXT NOT NULL CHECK (status IN
        ('pending', 'claimed', 'running', 'interrupted', 'completed', 'failed', 'stopped')),
    queue_key         BIGINT,                   -- set exactly while the run may be claimed
    attempt           BIGINT NOT NULL DEFAULT 0,
    tries             BIGINT NOT NULL DEFAULT 0,   -- attempts that were allowed to launch
    unlaunched        BIGINT NOT NULL DEFAULT 0,   -- permissions to launch that came back unused
    event_count       BIGINT NOT NULL DEFAULT 0,   -- events that the current attempt has stored
    last_key          TEXT NOT NULL DEFAULT '',    -- the greatest client key of the current attempt
    runner_id         TEXT,
    runner_epoch      BIGINT,
    lease_expires_at  BIGINT,
    unheard_at        BIGINT,                   -- claimed: when it goes back if nobody speaks of it
    deadline_at       BIGINT,                   -- running: when the timeout stops it
    queue_deadline_at BIGINT,
    no_match_ms       BIGINT NOT NULL,
    stop_requested_at BIGINT,
    stop_reason       TEXT,                     -- end reason that the stop leads to
    stopped_by        TEXT CHECK (stopped_by IN ('person', 'parent', 'tree', 'busy', 'lifecycle')),
    reason            TEXT,
    exit_code         BIGINT,
    error_code        TEXT,
    error_message     TEXT,
    result_text       TEXT,
    result_data       TEXT,                     -- JSON
    certainty         TEXT,
    task_id           TEXT,
    retry_of          TEXT,
    created_at        BIGINT NOT NULL,
    claimed_at        BIGINT,
    started_at        BIGINT,
    interrupted_at    BIGINT,
    ended_at          BIGINT,
    UNIQUE (session_id, number),
    CHECK (queue_key IS NULL OR status = 'pending'),
    CHECK ((status IN ('claimed', 'running', 'interrupted')) <= (runner_id IS NOT NULL)),
    CHECK ((status IN ('claimed', 'running')) = (lease_expires_at IS NOT NULL)),
    CHECK ((status IN ('completed', 'failed', 'stopped')) = (ended_at IS NOT NULL)),
    CHECK ((status IN ('completed', 'failed', 'stopped')) = (reason IS NOT NULL))
);
-- One run of a session at a time: the promise itself.
CREATE UNIQUE INDEX runs_one_live ON runs (session_id) WHERE status IN ('claimed', 'running', 'interrupted');
CREATE INDEX runs_claimable ON runs (demand_class, queue_key, run_id) WHERE queue_key IS NOT NULL;
CREATE INDEX runs_waiting ON runs (session_id, number) WHERE status = 'pending';
CREATE INDEX runs_leased ON runs (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX runs_lost ON runs (status, interrupted_at) WHERE status = 'interrupted';
CREATE INDEX runs_unheard ON runs (unheard_at) WHERE unheard_at IS NOT NULL;
CREATE INDEX runs_deadline ON runs (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX runs_queue_deadline ON runs (status, queue_deadline_at) WHERE queue_deadline_at IS NOT NULL;
CREATE INDEX runs_by_runner ON runs (runner_id) WHERE status IN ('claimed', 'running', 'interrupted');
CREATE INDEX runs_by_status ON runs (status, run_id);

CREATE TABLE attempts (                         -- who held which attempt, so that late reports can be told the owner
    run_id     TEXT NOT NULL REFERENCES runs (run_id),
    attempt    BIGINT NOT NULL,
    runner_id  TEXT NOT NULL,
    hostname   TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    bound_id   TEXT,                            -- the native id that this attempt reported
    answered   BIGINT NOT NULL DEFAULT 0,       -- whether an assistant message of it is stored
    answer     TEXT,                            -- JSON of the end that was accepted, for repeated reports
    PRIMARY KEY (run_id, attempt)
);

CREATE TABLE bindings (
    session_id          TEXT NOT NULL REFERENCES sessions (session_id),
    generation          BIGINT NOT NULL,
    executor_type       TEXT NOT NULL,
    executor_session_id TEXT NOT NULL,
    id_scope            TEXT NOT NULL,          -- '' for executors with global ids, else the hostname
    hostname            TEXT NOT NULL,
    project_dir         TEXT,
    runner_id           TEXT,
    run_id              TEXT,
    attempt             BIGINT,
    bound_at            BIGINT NOT NULL,
    ended_at            BIGINT,
    reason              TEXT NOT NULL CHECK (reason IN ('start', 'resume', 'fresh', 'fork', 'migrate', 'handoff')),
    PRIMARY KEY (session_id, generation)
);
CREATE UNIQUE INDEX bindings_one_open ON bindings (session_id) WHERE ended_at IS NULL;
CREATE INDEX bindings_by_native ON bindings (executor_type, executor_session_id, id_scope);

CREATE TABLE native_ids (                       -- a native id belongs to one session for ever
    executor_type       TEXT NOT NULL,
    executor_session_id TEXT NOT NULL,
    id_scope            TEXT NOT NULL,
    session_id          TEXT NOT NULL REFERENCES sessions (session_id),
    PRIMARY KEY (executor_type, executor_session_id, id_scope)
);
CREATE INDEX native_ids_by_session ON native_ids (session_id);

CREATE TABLE event_batches (                    -- a batch of a session's events, one row
    batch_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id BIGINT NOT NULL DEFAULT 0,   -- orders the log of all sessions before batch_id; 0 with one writer
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    run_id     TEXT,
    attempt    BIGINT,
    first_key  TEXT,                            -- least and greatest client key inside; null: written by us
    last_key   TEXT,
    types      TEXT NOT NULL,                   -- ' message pre_tool ' : what is inside, to skip a batch unread
    at         BIGINT NOT NULL,
    block      TEXT NOT NULL                    -- JSON list of {k?, y: type, s?: source_at, p: payload}
);
CREATE UNIQUE INDEX event_batches_by_seq ON event_batches (session_id, last_seq);
CREATE INDEX event_batches_by_key ON event_batches (run_id, attempt, last_key, first_key) WHERE last_key IS NOT NULL;

CREATE TABLE usage_rows (
    run_id                TEXT NOT NULL REFERENCES runs (run_id),
    attempt               BIGINT NOT NULL,
    model                 TEXT NOT NULL,
    message_id            TEXT NOT NULL,
    session_id            TEXT NOT NULL,
    project_id            TEXT,
    agent_name            TEXT,
    input_tokens          BIGINT NOT NULL,
    output_tokens         BIGINT NOT NULL,
    cache_read_tokens     BIGINT NOT NULL,
    cache_creation_tokens BIGINT NOT NULL,
    turns                 BIGINT NOT NULL,
    cost_microdollars     BIGINT,
    estimated             BIGINT NOT NULL,
    covered               BIGINT NOT NULL DEFAULT 0,   -- its cost is inside an adjustment row of its attempt
    booked_at             BIGINT NOT NULL,
    PRIMARY KEY (run_id, model, message_id)
);
CREATE INDEX usage_by_session ON usage_rows (session_id);
CREATE INDEX usage_by_time ON usage_rows (booked_at);

CREATE TABLE idempotency_keys (
    token_id   TEXT NOT NULL,
    key        TEXT NOT NULL,
    body_hash  TEXT NOT NULL,
    status     BIGINT NOT NULL,
    answer     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency_keys (created_at);
