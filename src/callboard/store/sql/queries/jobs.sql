-- Jobs: what runners of a place do in a repository.

-- name: insert_job
-- A job that waits.
INSERT INTO jobs (job_id, kind, project_id, session_id, hostname, path, request, status, runner_id, created_by,
    created_at, deadline_at)
VALUES (:job_id, :kind, :project_id, :session_id, :hostname, :path, :request, 'waiting', :runner_id, :created_by, :now,
    :deadline_at);

-- name: job_by_id
-- One job.
SELECT * FROM jobs WHERE job_id = :job_id;

-- name: jobs_for_host
-- Jobs that a runner of a host might take, each with every place of its project on that host; oldest first. A job with
-- a runner is that one's alone, as long as it is registered.
SELECT j.*, coalesce(j.path, l.path) AS place
FROM (SELECT * FROM jobs WHERE status = 'waiting' AND hostname = :hostname
    UNION ALL SELECT * FROM jobs WHERE status = 'waiting' AND hostname IS NULL) j
LEFT JOIN locations l ON j.path IS NULL AND l.project_id = j.project_id AND l.hostname = :hostname
WHERE coalesce(j.path, l.path) IS NOT NULL
    AND (j.runner_id IS NULL OR j.runner_id = :runner_id
        OR NOT EXISTS (SELECT 1 FROM runners r WHERE r.runner_id = j.runner_id))
ORDER BY j.job_id, place LIMIT 200;

-- name: jobs_of_runner
-- Jobs that a runner has taken and not reported; oldest first.
SELECT * FROM jobs WHERE status = 'taken' AND runner_id = :runner_id ORDER BY job_id LIMIT 200;

-- name: open_job_at
-- A job of a kind that waits, or is being done, at a place.
SELECT * FROM jobs WHERE ended_at IS NULL AND hostname = :hostname AND path = :path AND kind = :kind
ORDER BY job_id LIMIT 1;

-- name: open_jobs_of_session
-- What is still to be done for a session.
SELECT * FROM jobs WHERE session_id = :session_id AND status IN ('waiting', 'taken') ORDER BY job_id LIMIT 100;

-- name: take_job
-- A runner takes a job that waits: the first one has it.
UPDATE jobs SET status = 'taken', runner_id = :runner_id, runner_epoch = :epoch, hostname = :hostname, path = :path,
    taken_at = :now
WHERE job_id = :job_id AND status = 'waiting';

-- name: end_job
-- A job is done, or has failed; the first end stands.
UPDATE jobs SET status = :status, answer = :answer, error_code = :error_code, error_message = :error_message,
    error_hint = :error_hint, ended_at = :now
WHERE job_id = :job_id AND status IN ('waiting', 'taken');

-- name: late_jobs
-- Jobs whose time is over.
SELECT job_id, status FROM jobs WHERE ended_at IS NULL AND deadline_at < :now ORDER BY deadline_at LIMIT 200;

-- name: forget_jobs
-- Removes jobs that ended, of those that are older than an id; a batch at a time.
DELETE FROM jobs WHERE job_id IN (SELECT job_id FROM jobs WHERE job_id < :before AND ended_at IS NOT NULL
    ORDER BY job_id LIMIT :most);
