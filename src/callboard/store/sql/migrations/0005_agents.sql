-- Agents: blueprints, from files that were uploaded and from the API.

CREATE TABLE agents (
    scope      TEXT NOT NULL CHECK (scope IN ('project', 'user', 'api')),
    source     TEXT NOT NULL,                   -- 'HOSTNAME:DIRECTORY' of files; the project, or '', of the API's own
    name       TEXT NOT NULL,
    project_id TEXT REFERENCES projects (project_id),
    hostname   TEXT,
    directory  TEXT,
    path       TEXT,                            -- of its file, below the directory
    file_hash  TEXT,                            -- SHA-256 of that file, hex
    definition TEXT NOT NULL,                   -- JSON
    etag       TEXT NOT NULL,                   -- SHA-256 of the definition, hex
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (scope, source, name),
    CHECK ((scope = 'api') = (path IS NULL)),
    CHECK ((path IS NULL) = (file_hash IS NULL AND directory IS NULL AND hostname IS NULL))
);
CREATE INDEX agents_by_name ON agents (name, scope, source);
