-- Numbers the events that have been committed and have no number, in the order of their positions. The caller has taken
-- the lock of the feed in a statement before this one: so this one sees what every earlier numbering has written.
--
-- $1 bigint at most this many
--
-- Returns how many were numbered.
WITH fresh AS (
    SELECT e.seq, row_number() OVER (ORDER BY e.position) AS n
    FROM (SELECT seq, position FROM events WHERE number IS NULL AND position IS NOT NULL ORDER BY position LIMIT $1) e
), numbered AS (
    UPDATE events e
    SET number = f.last + fresh.n
    FROM fresh, event_feed f
    WHERE e.seq = fresh.seq AND e.number IS NULL
    RETURNING e.number
), moved AS (
    UPDATE event_feed SET last = n.last
    FROM (SELECT max(number) AS last FROM numbered) n
    WHERE n.last IS NOT NULL
)
SELECT count(*) FROM numbered
