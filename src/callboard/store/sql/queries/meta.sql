-- name: ping
-- Whether the database answers.
SELECT 1 AS answer;

-- name: lock_session
-- Said where many write at once: whoever moves a session waits for the others.
SELECT 0 AS server_ms FROM sessions WHERE session_id = :session_id;

-- name: lock_fleet
-- Said where many write at once: registered runners and demand classes change one work at a time.
SELECT :lock AS locked;

-- name: meta_value
-- One fact about the database itself.
SELECT value FROM meta WHERE key = :key;

-- name: raise_meta_value
-- Writes a number about the database itself unless a greater one is there.
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
    WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT);

-- name: move_meta_value
-- Writes a fact about the database if it is still what was read ('' when there was none).
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value = :was;

-- name: set_meta_value
-- Writes a fact about the database itself.
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
