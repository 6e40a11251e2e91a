-- Deletes the oldest deliveries whose age is reached, with their attempts, and returns how many. A delivery that still
-- waits is deleted, too, if it has been due for that long. A delivery that was later requested again stays as long as
-- its event.
--
-- Plan note: a scalar subquery is one look-up for each row. EXISTS may become a hash of all events.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of deliveries
WITH gone AS (
    DELETE FROM webhook_deliveries
    WHERE id = ANY (ARRAY (
        SELECT id FROM webhook_deliveries
        WHERE created_at < (SELECT ledger_now()) - $1 * interval '1 second'
          AND (due_at IS NULL
               OR due_at < (SELECT ledger_now()) - $1 * interval '1 second'
               OR (SELECT e.number FROM events e WHERE e.number = webhook_deliveries.number) IS NULL)
        ORDER BY created_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone
