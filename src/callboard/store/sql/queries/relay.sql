-- name: queue_heads
-- What is next in each demand class: what a coordinator that lost a hint has to know at least.
SELECT r.run_id, r.session_id, r.demand_class, r.queue_key FROM demand_classes c CROSS JOIN runs r
WHERE r.demand_class = c.demand_class AND r.queue_key IS NOT NULL
    AND r.run_id IN (SELECT h.run_id FROM runs h WHERE h.demand_class = c.demand_class AND h.queue_key IS NOT NULL
        ORDER BY h.queue_key, h.run_id LIMIT :each)
LIMIT :limit;

-- name: runs_changed_between
-- The runs of whose changes the log tells between two places, with how they stand now.
SELECT b.transaction_id, b.batch_id, b.run_id, b.session_id, r.status, r.runner_id, r.stop_requested_at
FROM event_batches b JOIN runs r ON r.run_id = b.run_id
WHERE b.batch_id > :first AND b.batch_id <= :last
    AND (b.types LIKE '% run_%' OR b.types LIKE '% stop_requested %')
ORDER BY b.batch_id LIMIT :limit;

-- name: fleet_mark
-- Something that is another when a runner came, went or registered again.
SELECT count(*) AS runners, coalesce(CAST(sum(epoch) AS BIGINT), 0) AS epochs,
    coalesce(CAST(sum(draining) AS BIGINT), 0) AS draining, coalesce(max(registered_at), 0) AS registered_at
FROM runners;
