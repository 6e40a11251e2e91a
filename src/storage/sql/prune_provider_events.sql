-- Deletes the oldest stored notifications whose age is reached, and returns how many. What concerned nothing of ours is
-- kept for a shorter time; its outcomes stand here as in the index `provider_events_to_forget`.
--
-- $1 bigint the age of foreign and ignored ones in seconds
-- $2 bigint the age of all in seconds
-- $3 bigint the largest number of notifications
WITH old AS (
    (SELECT id
     FROM provider_events
     WHERE outcome IN ('foreign', 'ignored') AND received_at < (SELECT ledger_now()) - $1 * interval '1 second'
     ORDER BY received_at
     LIMIT $3)
    UNION ALL
    (SELECT id
     FROM provider_events
     WHERE processed_at IS NOT NULL AND received_at < (SELECT ledger_now()) - $2 * interval '1 second'
     ORDER BY received_at
     LIMIT $3)
), gone AS (
    DELETE FROM provider_events p USING old WHERE p.id = old.id RETURNING p.id
)
SELECT count(*) FROM gone
