-- name: ping
-- Whether the database answers.
SELECT 1 AS answer;

-- name: lock_session
-- First in a write that moves a session: on databases with many writers it waits for the others. SQLite has one writer.
SELECT 1 AS locked;

-- name: meta_value
-- One fact about the database itself.
SELECT value FROM meta WHERE key = :key;

-- name: set_meta_value
-- Writes a fact about the database itself.
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
