-- Start time of the oldest transaction that may still commit a hold. Null if there is none.
--
-- $1 timestamptz now
-- $2 boolean also of a transaction that may still commit a row of `papers_due`
--
-- A transaction that opens a hold takes a write lock on `wallets` before it reads the clock from which the hold's life
-- is counted. So a transaction without that lock can only create holds that expire after now, and readers (a long dump,
-- a check) do not count. Nor can a transaction without a write lock on `papers_due` commit a row of it that happened
-- before now. If the start of a transaction cannot be seen (a session of a role that this role may not look
-- at, a prepared transaction), it is taken to have begun ten minutes ago.
SELECT min(CASE
               WHEN a.backend_start IS NOT NULL AND a.state <> 'disabled' THEN a.xact_start
               WHEN l.pid IS NULL OR a.pid IS NOT NULL THEN $1 - interval '10 minutes'
           END)
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.relation = 'wallets'::regclass OR $2 AND l.relation = 'papers_due'::regclass)
  AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
