-- Deletes the oldest deliveries whose age is reached, with their attempts, and returns how many.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of deliveries
WITH gone AS (
    DELETE FROM webhook_deliveries
    WHERE id = ANY (ARRAY (
        SELECT id FROM webhook_deliveries
        WHERE created_at < (SELECT ledger_now()) - $1 * interval '1 second'
        ORDER BY created_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone
