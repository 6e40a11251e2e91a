-- Looks at the next holds by their expiry, deletes those that are closed and charged nothing, and returns at how many
-- it looked. What a captured hold charged stands in an entry that names it, so that one stays, and a mark remembers how
-- far this came.
--
-- No index names a column that a capture changes, because every capture would then write all indexes of the table anew.
--
-- $1 bigint the age in seconds
-- $2 bigint about how many holds
-- $3 text name of the mark
WITH old AS (
    SELECT id, expires_at
    FROM holds
    WHERE expires_at > coalesce((SELECT reached FROM worker_marks WHERE worker = $3), '-infinity')
      AND expires_at < (SELECT ledger_now()) - $1 * interval '1 second'
    ORDER BY expires_at
    FETCH FIRST $2 ROWS WITH TIES
), gone AS (
    DELETE FROM holds h
    WHERE h.id = ANY (ARRAY (SELECT id FROM old))
      AND (h.status IN ('released', 'expired') OR h.captured = 0)
), reached AS (
    INSERT INTO worker_marks (worker, reached)
    SELECT $3, max(expires_at) FROM old HAVING count(*) > 0
    ON CONFLICT (worker) DO UPDATE SET reached = greatest(worker_marks.reached, excluded.reached)
)
SELECT count(*) FROM old
