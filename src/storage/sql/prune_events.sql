-- Deletes the oldest numbered events whose age is reached, remembers how far it got, and returns how many.
--
-- An event is deleted when the one after it in the feed is old enough. So the last event stays, and a reader who has
-- come up to an event has the whole time to read the next one. They are deleted in the order of the feed, so no gap
-- appears. An event without a number is not in the feed yet.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of events
WITH oldest AS (
    SELECT seq, number,
           lead(created_at) OVER (ORDER BY number) < (SELECT ledger_now()) - $1 * interval '1 second' AS old
    FROM (SELECT seq, number, created_at FROM events WHERE number IS NOT NULL ORDER BY number LIMIT $2 + 1) e
), gone AS (
    DELETE FROM events
    WHERE seq = ANY (ARRAY (
        SELECT seq FROM oldest WHERE number < (SELECT min(number) FROM oldest WHERE old IS NOT TRUE)))
    RETURNING position
), remembered AS (
    INSERT INTO events_pruned (up_to)
    SELECT max(position) FROM gone HAVING max(position) IS NOT NULL
    ON CONFLICT (singleton) DO UPDATE SET up_to = greatest(events_pruned.up_to, excluded.up_to)
)
SELECT count(*) FROM gone
