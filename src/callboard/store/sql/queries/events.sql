-- name: take_seqs
-- The next numbers of a session's log, without gaps: whoever rolls back gives them back.
UPDATE sessions SET last_seq = last_seq + :count WHERE session_id = :session_id RETURNING last_seq, last_transaction;

-- name: insert_event_batch
-- Events of one session, one row.
INSERT INTO event_batches (transaction_id, session_id, first_seq, last_seq, run_id, attempt, first_key, last_key, types,
    at, block)
VALUES (:transaction_id, :session_id, :first_seq, :last_seq, :run_id, :attempt, :first_key, :last_key, :types, :now,
    :block)
RETURNING batch_id;

-- name: extend_keys
-- Counts events of an attempt whose keys all lie above what it has stored, so that none can be a repeat.
UPDATE runs SET event_count = event_count + :count, last_key = :last_key
WHERE run_id = :run_id AND attempt = :attempt AND last_key < :first_key;

-- name: count_events
-- Counts events of an attempt that came out of order.
UPDATE runs SET event_count = event_count + :count,
    last_key = CASE WHEN last_key < :last_key THEN :last_key ELSE last_key END
WHERE run_id = :run_id AND attempt = :attempt;

-- name: batches_covering_keys
-- The batches of an attempt that may hold a key between these two.
SELECT batch_id, first_key, last_key FROM event_batches
WHERE run_id = :run_id AND attempt = :attempt AND last_key >= :least AND first_key <= :greatest
ORDER BY last_key;

-- name: event_block
-- The events of a batch.
SELECT first_seq, block FROM event_batches WHERE batch_id = :batch_id;

-- name: event_heads_by_seq
-- What a page of a session's log may need, without the events.
SELECT batch_id, last_seq, types, octet_length(block) AS bytes FROM event_batches
WHERE session_id = :session_id AND last_seq > :after ORDER BY last_seq LIMIT :limit;

-- name: event_heads_after
-- What follows a cursor, without the events.
SELECT transaction_id, batch_id, octet_length(block) AS bytes FROM event_batches
WHERE batch_id >= :batch_id ORDER BY batch_id LIMIT :limit;

-- name: event_heads_of_session_after
-- What follows a cursor in one session's log, without the events. The session's log has the order of the batches.
SELECT transaction_id, batch_id, octet_length(block) AS bytes FROM event_batches
WHERE session_id = :session_id AND batch_id >= :batch_id ORDER BY last_seq LIMIT :limit;

-- name: event_batch
-- One batch with all that its events say.
SELECT b.transaction_id, b.batch_id, b.session_id, s.root_session_id, b.run_id, b.attempt, b.first_seq, b.last_seq,
    b.types, b.at, b.block
FROM event_batches b JOIN sessions s ON s.session_id = b.session_id
WHERE b.batch_id = :batch_id;

-- name: event_batches_between
-- Batches of all sessions, in order.
SELECT b.transaction_id, b.batch_id, b.session_id, s.root_session_id, b.run_id, b.attempt, b.first_seq, b.last_seq,
    b.types, b.at, b.block
FROM event_batches b JOIN sessions s ON s.session_id = b.session_id
WHERE b.batch_id >= :first AND b.batch_id <= :last ORDER BY b.batch_id;

-- name: newest_event_batch
-- The end of the log.
SELECT transaction_id, batch_id, first_seq, last_seq FROM event_batches ORDER BY batch_id DESC LIMIT 1;

-- name: unsettled_event_batch
-- The last of those that are stored and may not be given out yet, since others may still come before them: none here.
SELECT transaction_id, batch_id, first_seq, last_seq FROM event_batches WHERE batch_id < 0;

-- name: oldest_event_batches
-- The beginning of the log behind a place, without the events.
SELECT transaction_id, batch_id, session_id, first_seq, last_seq, at, octet_length(block) AS bytes FROM event_batches
WHERE batch_id > :batch_id ORDER BY batch_id LIMIT :limit;

-- name: sessions_at_work
-- Of a JSON list of sessions those with a run that keeps their log: live, or still to come.
SELECT DISTINCT r.session_id FROM json_each(:ids) AS listed JOIN runs r ON r.session_id = listed.value
WHERE r.status IN ('pending', 'claimed', 'running', 'interrupted');

-- name: delete_event_batches
-- Forgets batches, by a JSON list of their numbers.
DELETE FROM event_batches WHERE batch_id IN (SELECT CAST(listed.value AS BIGINT) FROM json_each(:ids) AS listed);

-- name: first_event_seq
-- Where the log of a session begins: with its oldest event that is kept, else with the next one.
SELECT coalesce((SELECT b.first_seq FROM event_batches b WHERE b.session_id = s.session_id ORDER BY b.last_seq LIMIT 1),
    s.last_seq + 1) AS first_seq
FROM sessions s WHERE s.session_id = :session_id;
