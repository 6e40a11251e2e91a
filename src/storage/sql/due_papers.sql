-- The events for which papers are to be issued, the oldest first, each with the year in which it happened. Postponed
-- ones are left out until they are tried again.
--
-- $1 timestamptz only what happened before this moment
-- $2 bigint at most this many
--
-- Returns the columns of `DueRow`.
SELECT d.source, d.kind, d.order_id, d.payment_id, d.application_n, d.happened_at,
       extract(year FROM d.happened_at AT TIME ZONE c.time_zone)::integer
FROM papers_due d
CROSS JOIN calendar c
WHERE d.happened_at < $1 AND (d.try_at IS NULL OR d.try_at <= (SELECT ledger_now()))
ORDER BY d.happened_at, d.source
LIMIT $2
