-- Deletes the oldest events of the stream whose age is reached, remembers how far that went, and returns how many.
-- They are taken in the order in which they were written, so a gap is never left behind them.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of events
WITH old AS (
    SELECT seq, created_at FROM events ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM events
    WHERE seq = ANY (ARRAY (
        SELECT seq FROM old WHERE created_at < (SELECT ledger_now()) - $1 * interval '1 second'))
    RETURNING position
), remembered AS (
    INSERT INTO events_pruned (up_to)
    SELECT max(position) FROM gone HAVING max(position) IS NOT NULL
    ON CONFLICT (singleton) DO UPDATE SET up_to = greatest(events_pruned.up_to, excluded.up_to)
)
SELECT count(*) FROM gone
