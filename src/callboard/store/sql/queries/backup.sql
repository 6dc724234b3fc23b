-- name: contents
-- What a database holds, for the check of a copy.
SELECT
    (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM event_batches) AS events,
    (SELECT max(at) FROM event_batches) AS newest_event_at;
