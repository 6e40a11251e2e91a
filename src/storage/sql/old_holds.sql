-- Locks the next holds by their expiry, so that no reversal of what they charged begins meanwhile.
--
-- No index names a column that a capture changes, because every capture would then write to all indexes of the table.
-- A mark stores how far this look-up has come.
--
-- $1 bigint the age in seconds
-- $2 bigint about how many holds
-- $3 text name of the mark
-- $4 text name of the mark of the sweeper
--
-- Returns per hold: its id, and when its time was over.
SELECT id, expires_at
FROM holds
WHERE expires_at > coalesce((SELECT reached FROM worker_marks WHERE worker = $3), '-infinity')
  AND expires_at < (SELECT ledger_now()) - $1 * interval '1 second'
  -- Before this mark no hold is open: the sweeper has closed them.
  AND expires_at < (SELECT reached FROM worker_marks WHERE worker = $4)
ORDER BY expires_at
FETCH FIRST $2 ROWS WITH TIES
FOR UPDATE
