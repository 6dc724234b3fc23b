-- The order of the log: what is committed late has an earlier transaction, never a later place.
CREATE INDEX event_batches_by_cursor ON event_batches (transaction_id, batch_id);

-- Below this place of the log nothing is committed any more: the oldest transaction that still runs, among those that may
-- write here. pg_snapshot_xmin alone would also wait for whoever writes for long in other databases of the server. One
-- that runs and has no lock yet counts as ours. One that has ended meanwhile is left out, in whatever database it was:
-- every later snapshot sees what it wrote. So this is asked in a statement before the snapshot that reads the log.
CREATE FUNCTION log_settled_before() RETURNS BIGINT LANGUAGE plpgsql STABLE AS $$
DECLARE
    snapshot pg_snapshot := pg_current_snapshot();
    settled xid8;
    elsewhere xid[];
BEGIN
    IF pg_snapshot_xmin(snapshot) = pg_snapshot_xmax(snapshot) THEN
        settled := pg_snapshot_xmax(snapshot);
    ELSE
        -- First the locks, then who still runs: what ends between the two is left out.
        elsewhere := ARRAY(
            SELECT l.transactionid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
                AND a.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()));
        SELECT coalesce(min(running.id), pg_snapshot_xmax(snapshot)) INTO settled
        FROM pg_snapshot_xip(snapshot) AS running (id)
        WHERE running.id::xid <> ALL (elsewhere) AND coalesce(pg_xact_status(running.id), 'ended') = 'in progress';
    END IF;
    RETURN settled::TEXT::BIGINT + current_setting('callboard.transaction_offset')::BIGINT;
END $$;

-- Rows that change with every batch of events or heartbeat: room in their pages keeps the changes cheap.
ALTER TABLE sessions SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE runs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE runners SET (fillfactor = 50);
