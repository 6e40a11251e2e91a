-- Deletes the oldest stored notifications whose age is reached, and returns how many rows. Notifications about things
-- that are not ours are kept for a shorter time, as are the answers about foreign payments. The outcomes are written as
-- in the index `provider_events_to_forget`.
--
-- $1 bigint the age of foreign and ignored notifications in seconds
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
     WHERE received_at < (SELECT ledger_now()) - $2 * interval '1 second'
     ORDER BY received_at
     LIMIT $3)
), gone AS (
    DELETE FROM provider_events WHERE id = ANY (ARRAY (SELECT id FROM old)) RETURNING id
), foreign_ones AS (
    SELECT ctid AS place
    FROM foreign_payments
    WHERE asked_at < (SELECT ledger_now()) - $1 * interval '1 second'
    ORDER BY asked_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), forgotten AS (
    -- The place of a row (ctid) does not change while the row is locked.
    DELETE FROM foreign_payments WHERE ctid = ANY (ARRAY (SELECT place FROM foreign_ones)) RETURNING payment_id
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM forgotten)
