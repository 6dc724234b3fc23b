-- name: run_by_id
-- One run, all columns.
SELECT * FROM runs WHERE run_id = :run_id;

-- name: session_of_run
-- The session that a run belongs to, for ever: what is locked before the run is read.
SELECT session_id, pool_session_id FROM runs WHERE run_id = :run_id;

-- name: run_for_report
-- What fences and moves a run, with its session's context.
SELECT r.*, s.root_session_id, s.context, s.external, s.project_id AS session_project_id, s.lifecycle
FROM runs r JOIN sessions s ON s.session_id = r.session_id
WHERE r.run_id = :run_id;

-- name: insert_run
-- A new pending run; queue_key is set when it may be claimed at once. It draws from its session's pool. It is of the
-- person who asked for it; what an agent or the coordinator asks for is of who began the tree.
INSERT INTO runs (run_id, session_id, number, type, "trigger", prompt, parameters, agent, agent_name, executor_type,
    demands, demand_class, execution_mode, priority, limits, on_lost, repeatable, model, permission_mode, project_dir,
    traceparent, created_by, from_log, caller_session_id, status, queue_key, queue_deadline_at, no_match_ms, retry_of,
    created_at, pool_session_id, person_id)
VALUES (:run_id, :session_id, :number, :type, :trigger, :prompt, :parameters, :agent, :agent_name, :executor_type,
    :demands, :demand_class, :execution_mode, :priority, :limits, :on_lost, :repeatable, :model, :permission_mode,
    :project_dir, :traceparent, :created_by, :from_log, :caller_session_id, 'pending', :queue_key, :queue_deadline_at,
    :no_match_ms, :retry_of, :created_at,
    (SELECT s.pool_session_id FROM sessions s WHERE s.session_id = :session_id),
    coalesce((WITH RECURSIVE makers (token_id, kind, made_by) AS (
            SELECT t.token_id, t.kind, t.made_by FROM tokens t WHERE t.token_id = :created_by
            UNION SELECT t.token_id, t.kind, t.made_by FROM makers JOIN tokens t ON t.token_id = makers.made_by)
        SELECT token_id FROM makers WHERE made_by IS NULL AND kind IN ('owner', 'user', 'browser')),
        (SELECT s.person_id FROM sessions s WHERE s.session_id = :session_id)));

-- name: lock_free_session_of_run
-- Said where many write at once: locks the session of a run unless another work has it, and then finds nothing.
SELECT s.session_id, s.pool_session_id FROM runs r JOIN sessions s ON s.session_id = r.session_id
WHERE r.run_id = :run_id;

-- name: claim_run
-- The one claim: from pending in this demand class, by compare-and-set; the attempt is the fencing token.
UPDATE runs SET status = 'claimed', attempt = attempt + 1, queue_key = NULL, event_count = 0, last_key = '',
    runner_id = :runner_id, runner_epoch = :epoch, claimed_at = :now, interrupted_at = NULL,
    lease_expires_at = :lease_expires_at, unheard_at = :unheard_at
WHERE run_id = :run_id AND status = 'pending' AND queue_key IS NOT NULL AND demand_class = :demand_class
RETURNING *;

-- name: insert_attempt
-- Who holds which attempt.
INSERT INTO attempts (run_id, attempt, runner_id, hostname, claimed_at)
VALUES (:run_id, :attempt, :runner_id, :hostname, :now);

-- name: attempt_by_id
-- One attempt of a run.
SELECT * FROM attempts WHERE run_id = :run_id AND attempt = :attempt;

-- name: answer_attempt
-- Keeps the answer to the end that was accepted.
UPDATE attempts SET answer = :answer WHERE run_id = :run_id AND attempt = :attempt;

-- name: answered_attempt
-- An assistant message of the attempt is stored.
UPDATE attempts SET answered = 1 WHERE run_id = :run_id AND attempt = :attempt AND answered = 0;

-- name: answer_in_conversation
-- One attempt of the session in this conversation of an executor of which an assistant message is stored.
SELECT a.attempt FROM runs r JOIN attempts a ON a.run_id = r.run_id
WHERE r.session_id = :session_id AND r.executor_type = :executor_type
    AND a.bound_id = :executor_session_id AND a.answered = 1
LIMIT 1;

-- name: start_run
-- The permission to launch.
UPDATE runs SET status = 'running', tries = tries + 1, started_at = :now, unheard_at = NULL, paused_at = NULL,
    paused_ms = 0,
    queue_deadline_at = NULL, deadline_at = :deadline_at, lease_expires_at = :lease_expires_at
WHERE run_id = :run_id AND attempt = :attempt AND status = 'claimed';

-- name: unclaim_run
-- A claim that came to nothing goes back to the queue; no try is counted.
UPDATE runs SET status = 'pending', queue_key = :queue_key, runner_id = NULL, runner_epoch = NULL, claimed_at = NULL,
    lease_expires_at = NULL, unheard_at = NULL
WHERE run_id = :run_id AND attempt = :attempt AND status = 'claimed';

-- name: unlaunch_run
-- A permission to launch that came back unused: the run waits again, and the try is not counted.
UPDATE runs SET status = 'pending', queue_key = :queue_key, tries = tries - 1, unlaunched = unlaunched + 1,
    runner_id = NULL, runner_epoch = NULL, claimed_at = NULL, started_at = NULL, interrupted_at = NULL,
    lease_expires_at = NULL, deadline_at = NULL
WHERE run_id = :run_id AND attempt = :attempt AND status = :from_status;

-- name: lose_run
-- The lease lapsed: not an end.
UPDATE runs SET status = 'interrupted', lease_expires_at = NULL, deadline_at = NULL, interrupted_at = :now
WHERE run_id = :run_id AND attempt = :attempt AND status = 'running';

-- name: reconnect_run
-- The lost attempt speaks again, and nobody has claimed the run since.
UPDATE runs SET status = 'running', queue_key = NULL, interrupted_at = NULL, lease_expires_at = :lease_expires_at,
    deadline_at = :deadline_at
WHERE run_id = :run_id AND attempt = :attempt
    AND (status = 'interrupted' OR (status = 'pending' AND interrupted_at IS NOT NULL));

-- name: retry_lost_run
-- A lost repeatable run goes back to the queue; the old attempt is stale from the next claim on.
UPDATE runs SET status = 'pending', queue_key = :queue_key
WHERE run_id = :run_id AND attempt = :attempt AND status = 'interrupted';

-- name: recall_lost_run
-- A lost run that waits for its retry is to be stopped: nobody may claim it any more, its old attempt may still live.
UPDATE runs SET status = 'interrupted', queue_key = NULL
WHERE run_id = :run_id AND attempt = :attempt AND status = 'pending' AND interrupted_at IS NOT NULL;

-- name: cut_off_attempt
-- An earlier attempt of a run that was bound and from whose agent something is stored: it had taken the prompt.
SELECT a.attempt FROM attempts a
WHERE a.run_id = :run_id AND a.attempt < :before AND a.bound_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM event_batches b
        WHERE b.run_id = a.run_id AND b.attempt = a.attempt AND b.last_key IS NOT NULL)
LIMIT 1;

-- name: direct_run
-- Where a pending run has to go, as its session stands now.
UPDATE runs SET demands = :demands, demand_class = :demand_class
WHERE run_id = :run_id AND status = 'pending' AND demand_class <> :demand_class;

-- name: end_run
-- Every end, however it comes.
UPDATE runs SET status = :status, reason = :reason, exit_code = :exit_code, error_code = :error_code,
    error_message = :error_message, result_text = :result_text, result_data = :result_data, certainty = :certainty,
    stopped_by = :stopped_by, ended_at = :now, queue_key = NULL, lease_expires_at = NULL, unheard_at = NULL,
    deadline_at = NULL, queue_deadline_at = NULL
WHERE run_id = :run_id AND attempt = :attempt AND status = :from_status;

-- name: renew_lease
-- A heartbeat that lists the attempt.
UPDATE runs SET lease_expires_at = :lease_expires_at, unheard_at = NULL
WHERE run_id = :run_id AND attempt = :attempt AND status IN ('claimed', 'running');

-- name: request_stop
-- Remembers that a live run is to be stopped, and by whom; the first request stands.
UPDATE runs SET stop_requested_at = :now, stop_reason = :stop_reason, stopped_by = :stopped_by, deadline_at = NULL
WHERE run_id = :run_id AND status IN ('running', 'interrupted') AND stop_requested_at IS NULL;

-- name: live_run_of_session
-- The one live run of a session.
SELECT * FROM runs WHERE session_id = :session_id AND status IN ('claimed', 'running', 'interrupted');

-- name: waiting_runs_of_session
-- The pending runs of a session, first come first.
SELECT * FROM runs WHERE session_id = :session_id AND status = 'pending' ORDER BY number LIMIT 1000;

-- name: head_run_of_session
-- The pending run that is next; of work on issues with where that stands.
SELECT run_id, attempt, created_at, priority, demand_class, queue_key, queue_deadline_at,
    (SELECT s.lifecycle FROM sessions s WHERE s.session_id = :session_id) AS lifecycle,
    (SELECT w.state FROM work_sessions w WHERE w.session_id = :session_id) AS worktree
FROM runs WHERE session_id = :session_id AND status = 'pending' ORDER BY number LIMIT 1;

-- name: count_waiting_runs
-- How many runs of a session are pending, and from which pool they draw.
SELECT count(*) AS waiting, max(pool_session_id) AS pool_session_id FROM runs WHERE session_id = :session_id AND status = 'pending';

-- name: last_ended_run
-- How the run of a session ended that has the highest number of all that have ended.
SELECT run_id, status, reason FROM runs WHERE session_id = :session_id AND status IN ('completed', 'failed', 'stopped')
ORDER BY number DESC LIMIT 1;

-- name: offer_run
-- Lets a pending run be claimed, once the worktree that it works in is there.
UPDATE runs SET queue_key = :queue_key WHERE run_id = :run_id AND status = 'pending' AND queue_key IS NULL
    AND NOT EXISTS (SELECT 1 FROM work_sessions w WHERE w.session_id = runs.session_id AND w.state <> 'prepared');

-- name: claimable_runs
-- The queue, for filling the memory of a coordinator; a page of its index, so that no row is read.
SELECT demand_class, queue_key, run_id FROM runs
WHERE queue_key IS NOT NULL AND (demand_class, queue_key, run_id) > (:demand_class, :queue_key, :run_id)
ORDER BY demand_class, queue_key, run_id LIMIT :limit;

-- name: runs_for_lent_slots
-- Waiting runs that an agent of a full runner has started and may wait for, while none of its runs is at work.
SELECT child.queue_key, child.run_id, child.demand_class, child.caller_session_id FROM runs caller
JOIN sessions below ON below.parent_session_id = caller.session_id
JOIN runs child ON child.session_id = below.session_id AND child.status = 'pending'
WHERE caller.runner_id = :runner_id AND caller.status IN ('claimed', 'running', 'interrupted')
    AND caller.stop_requested_at IS NULL AND child.queue_key IS NOT NULL
    AND child.caller_session_id = caller.session_id AND child.execution_mode <> 'async_callback'
    AND NOT EXISTS (
        SELECT 1 FROM sessions beside JOIN runs other ON other.session_id = beside.session_id
        WHERE beside.parent_session_id = caller.session_id AND other.status IN ('claimed', 'running', 'interrupted')
            AND other.caller_session_id = caller.session_id AND other.execution_mode <> 'async_callback')
    AND :slots <= (SELECT count(*) FROM runs held
        WHERE held.runner_id = :runner_id AND held.status IN ('claimed', 'running', 'interrupted'))
ORDER BY child.queue_key, child.run_id LIMIT 100;

-- name: runs_of_runner_to_stop
-- Live runs of a runner with a stop that waits for it.
SELECT run_id, attempt, stop_reason FROM runs
WHERE runner_id = :runner_id AND status IN ('claimed', 'running', 'interrupted') AND stop_requested_at IS NOT NULL
ORDER BY stop_requested_at LIMIT 1000;

-- name: live_runs_of_runner
-- What a runner holds.
SELECT run_id, attempt, status, session_id FROM runs
WHERE runner_id = :runner_id AND status IN ('claimed', 'running', 'interrupted') LIMIT 10000;

-- name: lapsed_leases
-- Live runs whose lease is over.
SELECT run_id, attempt, status FROM runs WHERE lease_expires_at IS NOT NULL AND lease_expires_at < :now
ORDER BY lease_expires_at LIMIT 500;

-- name: unheard_claims
-- Claims of which nobody has spoken.
SELECT run_id, attempt, status FROM runs WHERE unheard_at IS NOT NULL AND unheard_at < :now LIMIT 500;

-- name: long_lost_runs
-- Interrupted runs whose runner has been away for too long.
SELECT run_id, attempt, status FROM runs WHERE status = 'interrupted' AND interrupted_at <= :before
ORDER BY interrupted_at LIMIT 500;

-- name: runs_past_deadline
-- Running runs whose time is over.
SELECT run_id, attempt, status FROM runs WHERE deadline_at IS NOT NULL AND deadline_at <= :now LIMIT 500;

-- name: runs_past_queue_deadline
-- Pending runs that have waited too long.
SELECT run_id, attempt, status FROM runs
WHERE queue_deadline_at IS NOT NULL AND queue_deadline_at <= :now AND status = 'pending'
ORDER BY queue_deadline_at LIMIT 500;

-- name: runs_without_runner
-- Claimable runs that no registered runner fits, for longer than they wait. The few such classes come first.
SELECT r.run_id, r.attempt, r.status FROM demand_classes c CROSS JOIN runs r
WHERE r.demand_class = c.demand_class AND r.queue_key IS NOT NULL
    AND c.unmatched_since IS NOT NULL AND c.unmatched_since + r.no_match_ms <= :now
    AND r.created_at + r.no_match_ms <= :now
LIMIT 200;

-- name: list_runs
-- Runs, newest first, below a page mark.
SELECT * FROM runs
WHERE run_id < :before
    AND (:status = '' OR status = :status)
    AND (:session_id = '' OR session_id = :session_id)
    AND (:runner_id = '' OR runner_id = :runner_id)
ORDER BY run_id DESC LIMIT :limit;

-- name: list_runs_by_status
-- Runs of one status, newest first, below a page mark.
SELECT * FROM runs WHERE status = :status AND run_id < :before ORDER BY run_id DESC LIMIT :limit;

-- name: list_runs_of_session
-- Runs of one session, newest first, below a page mark.
SELECT * FROM runs WHERE session_id = :session_id AND run_id < :before AND (:status = '' OR status = :status)
ORDER BY number DESC LIMIT :limit;

-- name: earlier_turns
-- Prompts and results of a session's earlier runs, newest first.
SELECT number, prompt, status, reason, result_text, result_data, error_message FROM runs
WHERE session_id = :session_id AND number < :number AND ended_at IS NOT NULL ORDER BY number DESC LIMIT 50;

-- name: runs_to_tell
-- The runs of a session that have begun, newest first: what a fork of it is told.
SELECT * FROM runs WHERE session_id = :session_id AND status <> 'pending' ORDER BY number DESC LIMIT 50;

-- name: known_class
-- Whether a demand class is recorded.
SELECT unmatched_since FROM demand_classes WHERE demand_class = :demand_class;

-- name: hold_class
-- Whether a demand class is recorded, for a run that will wait in it: it may not be forgotten meanwhile.
SELECT demand_class FROM demand_classes WHERE demand_class = :demand_class;

-- name: insert_class
-- A new demand class.
INSERT INTO demand_classes (demand_class, demands, unmatched_since) VALUES (:demand_class, :demands, :unmatched_since)
ON CONFLICT (demand_class) DO NOTHING;

-- name: class_by_key
-- One demand class.
SELECT demand_class, demands FROM demand_classes WHERE demand_class = :demand_class;

-- name: all_classes
-- Every demand class.
SELECT demand_class, demands, unmatched_since FROM demand_classes;

-- name: mark_class
-- Since when no registered runner fits a class; null while one does.
UPDATE demand_classes SET unmatched_since = :unmatched_since WHERE demand_class = :demand_class;

-- name: unused_classes
-- Demand classes that no pending run needs; a little at a time.
SELECT demand_class FROM demand_classes c
WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.demand_class = c.demand_class AND r.queue_key IS NOT NULL)
LIMIT 500;

-- name: delete_class
-- Forgets a demand class unless a run waits in it again.
DELETE FROM demand_classes WHERE demand_class = :demand_class
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.demand_class = :demand_class AND r.status = 'pending');

-- name: place_in_queue
-- How many claimable runs of the same class come before.
SELECT count(*) AS before FROM runs
WHERE demand_class = :demand_class AND queue_key IS NOT NULL
    AND (queue_key < :queue_key OR (queue_key = :queue_key AND run_id < :run_id));
