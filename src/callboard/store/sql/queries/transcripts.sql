-- name: transcript_of_session
-- What is kept of a session's conversation.
SELECT * FROM transcripts WHERE session_id = :session_id;

-- name: begin_transcript
-- A session's first transcript is announced.
INSERT INTO transcripts (session_id) VALUES (:session_id) ON CONFLICT (session_id) DO NOTHING;

-- name: announce_transcript
-- The parts of a newer transcript will come.
UPDATE transcripts SET announced = :parts WHERE session_id = :session_id;

-- name: store_transcript
-- All parts are here: it takes the place of the one before.
UPDATE transcripts SET executor_type = :executor_type, executor_session_id = :executor_session_id, run_id = :run_id,
    run_number = :run_number, size_bytes = :size_bytes, sha256 = :sha256, parts = :parts, announced = '[]',
    refused = NULL, stored_at = :now
WHERE session_id = :session_id;

-- name: refuse_transcript
-- The newest one is not kept, and the one before is old.
UPDATE transcripts SET refused = :refused, parts = '[]', announced = '[]', stored_at = NULL
WHERE session_id = :session_id;

-- name: transcript_part_names
-- The hashes of the parts that are here.
SELECT sha256 FROM transcript_parts WHERE session_id = :session_id;

-- name: transcript_part
-- One part.
SELECT data FROM transcript_parts WHERE session_id = :session_id AND sha256 = :sha256;

-- name: insert_transcript_part
-- A part arrives; again changes nothing.
INSERT INTO transcript_parts (session_id, sha256, data) VALUES (:session_id, :sha256, :data)
ON CONFLICT (session_id, sha256) DO NOTHING;

-- name: delete_transcript_part
-- A part that nothing is made of any more.
DELETE FROM transcript_parts WHERE session_id = :session_id AND sha256 = :sha256;

-- name: delete_transcripts_of_session
-- With the session what was kept of its conversation goes.
DELETE FROM transcripts WHERE session_id = :session_id;

-- name: delete_transcript_parts_of_session
-- The parts of its transcript.
DELETE FROM transcript_parts WHERE session_id = :session_id;

-- name: last_run_of_conversation
-- The latest run of a session whose agent was bound to a conversation.
SELECT coalesce(max(r.number), 0) AS number FROM runs r JOIN attempts a ON a.run_id = r.run_id
WHERE r.session_id = :session_id AND a.bound_id = :executor_session_id;

-- name: last_lost_contact
-- When contact with an agent of a session was lost that has not been heard of since.
SELECT max(interrupted_at) AS lost_at FROM runs WHERE session_id = :session_id;

-- name: prefer_host
-- A run of a portable session may be claimed from now on, for a while only where its conversation is.
UPDATE runs SET preferred_host = :hostname, preferred_since = :now WHERE run_id = :run_id AND status = 'pending';

-- name: release_host
-- The run need not wait for the host of its conversation any more.
UPDATE runs SET preferred_since = NULL, demands = :demands, demand_class = :demand_class
WHERE run_id = :run_id AND status = 'pending' AND preferred_since IS NOT NULL;

-- name: runs_preferring_a_host
-- Claimable runs that have waited for the host of their conversation long enough, or whose host has no runner.
SELECT r.run_id FROM runs r
WHERE r.preferred_since IS NOT NULL AND r.queue_key IS NOT NULL
    AND (r.preferred_since <= :before
        OR NOT EXISTS (SELECT 1 FROM runners WHERE runners.hostname = r.preferred_host))
    AND NOT EXISTS (SELECT 1 FROM runs l WHERE l.session_id = r.session_id AND l.interrupted_at > :lost_before)
    AND EXISTS (SELECT 1 FROM transcripts t WHERE t.session_id = r.session_id AND t.stored_at IS NOT NULL)
LIMIT 200;

-- name: host_has_runner
-- Whether a runner of a host is registered.
SELECT runner_id FROM runners WHERE hostname = :hostname LIMIT 1;
