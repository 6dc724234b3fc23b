-- What PostgreSQL is told in other words, each with its reason.
-- The place of a batch in the log is (transaction_id, batch_id). transaction_id is the writing transaction's, or that of
-- an earlier batch of its session if that is greater, so that a session's log keeps its order. Readers see only places
-- below :settled, which the transaction knows: behind their cursor nothing can be committed any more. The offset is set by the
-- connection: after a dump was restored the server counts its transactions from the beginning again.

-- name: lock_session
-- There are many writers. FOR NO KEY UPDATE lets others refer to the session meanwhile. The time is that after the wait.
SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS server_ms
FROM (SELECT session_id FROM sessions WHERE session_id = :session_id FOR NO KEY UPDATE) AS held;

-- name: lock_fleet
-- There are many writers. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(:lock);

-- name: take_seqs
-- The transaction gives the batch its place in the log of all sessions.
UPDATE sessions SET last_seq = last_seq + :count,
    last_transaction = greatest(last_transaction,
        pg_current_xact_id()::TEXT::BIGINT + current_setting('callboard.transaction_offset')::BIGINT)
WHERE session_id = :session_id RETURNING last_seq, last_transaction;

-- name: event_heads_after
-- The place has two parts, and transactions that still run hide what follows.
SELECT transaction_id, batch_id, octet_length(block) AS bytes FROM event_batches
WHERE (transaction_id, batch_id) >= (:transaction_id, :batch_id)
    AND transaction_id < :settled
ORDER BY transaction_id, batch_id LIMIT :limit;

-- name: event_heads_of_session_after
-- The place has two parts, and transactions that still run hide what follows.
SELECT transaction_id, batch_id, octet_length(block) AS bytes FROM event_batches
WHERE session_id = :session_id AND (transaction_id, batch_id) >= (:transaction_id, :batch_id)
    AND transaction_id < :settled
ORDER BY last_seq LIMIT :limit;

-- name: event_batches_between
-- The place has two parts.
SELECT b.transaction_id, b.batch_id, b.session_id, s.root_session_id, b.run_id, b.attempt, b.first_seq, b.last_seq,
    b.types, b.at, b.block
FROM event_batches b JOIN sessions s ON s.session_id = b.session_id
WHERE (b.transaction_id, b.batch_id) >= (:first_transaction, :first)
    AND (b.transaction_id, b.batch_id) <= (:last_transaction, :last)
ORDER BY b.transaction_id, b.batch_id;

-- name: newest_event_batch
-- The end is what may be read, not what was written last.
SELECT transaction_id, batch_id, first_seq, last_seq FROM event_batches
WHERE transaction_id < :settled
ORDER BY transaction_id DESC, batch_id DESC LIMIT 1;

-- name: unsettled_event_batch
-- Transactions that still run hide what follows.
SELECT transaction_id, batch_id, first_seq, last_seq FROM event_batches
WHERE transaction_id >= :settled
ORDER BY transaction_id DESC, batch_id DESC LIMIT 1;

-- name: oldest_event_batches
-- The place has two parts.
SELECT transaction_id, batch_id, session_id, first_seq, last_seq, at, octet_length(block) AS bytes FROM event_batches
WHERE (transaction_id, batch_id) > (:transaction_id, :batch_id)
    AND transaction_id < :settled
ORDER BY transaction_id, batch_id LIMIT :limit;


-- name: queue_heads
-- LATERAL reads only the heads of the index; the other form would read the whole queue.
SELECT h.run_id, h.session_id, c.demand_class, h.queue_key FROM demand_classes c
CROSS JOIN LATERAL (SELECT r.run_id, r.session_id, r.queue_key FROM runs r
    WHERE r.demand_class = c.demand_class AND r.queue_key IS NOT NULL
    ORDER BY r.queue_key, r.run_id LIMIT :each) h
LIMIT :limit;

-- name: runs_changed_between
-- The place has two parts.
SELECT b.transaction_id, b.batch_id, b.run_id, b.session_id, r.status, r.runner_id, r.stop_requested_at
FROM event_batches b JOIN runs r ON r.run_id = b.run_id
WHERE (b.transaction_id, b.batch_id) > (:first_transaction, :first)
    AND (b.transaction_id, b.batch_id) <= (:last_transaction, :last)
    AND (b.types LIKE '% run_%' OR b.types LIKE '% stop_requested %')
ORDER BY b.transaction_id, b.batch_id LIMIT :limit;
