-- Deletes the oldest closed holds that charged nothing and whose age is reached, and returns how many. What a captured
-- hold charged stands in an entry that names it, so that one stays.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of holds
WITH old AS (
    SELECT id
    FROM holds
    WHERE (status IN ('released', 'expired') OR captured = 0)
      AND closed_at < (SELECT ledger_now()) - $1 * interval '1 second'
    ORDER BY closed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM holds WHERE id = ANY (ARRAY (SELECT id FROM old)) RETURNING id
)
SELECT count(*) FROM gone
