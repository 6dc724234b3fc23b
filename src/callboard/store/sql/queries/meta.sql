-- name: ping
-- Whether the database answers.
SELECT 1 AS answer;

-- name: meta_value
-- One fact about the database itself.
SELECT value FROM meta WHERE key = :key;

-- name: raise_meta_value
-- Writes a number about the database itself unless a greater one is there.
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
    WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT);

-- name: set_meta_value
-- Writes a fact about the database itself.
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;
