-- Rows that are locked by being read, where many write at once.

-- name: lock_free_session_of_run
-- A claim goes past sessions that another work is moving.
SELECT s.session_id, s.pool_session_id FROM runs r JOIN sessions s ON s.session_id = r.session_id
WHERE r.run_id = :run_id
FOR NO KEY UPDATE OF s SKIP LOCKED;

-- name: hold_class
-- Any number may hold a class at once; only forgetting it has to wait.
SELECT demand_class FROM demand_classes WHERE demand_class = :demand_class FOR KEY SHARE;

-- name: unused_classes
-- A class that somebody holds is not unused. What comes into it later waits, and then finds it gone.
SELECT demand_class FROM demand_classes c
WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.demand_class = c.demand_class AND r.queue_key IS NOT NULL)
LIMIT 500 FOR UPDATE OF c SKIP LOCKED;

-- name: lock_budget
-- All changes of the pools of a tree are made one after the other.
SELECT t.session_id FROM budgets b JOIN budgets t ON t.session_id = b.top_session_id
WHERE b.session_id = :pool_session_id FOR NO KEY UPDATE OF t;

-- name: lock_free_budget
-- A claim waits for no pool, since it has locked the session before; other claims may look at the same pool.
SELECT t.session_id FROM budgets b JOIN budgets t ON t.session_id = b.top_session_id
WHERE b.session_id = :pool_session_id FOR SHARE OF t SKIP LOCKED;
