-- Claims endpoints that have something to deliver and to which no process delivers, those first that have waited
-- longest. There is one index for first attempts, and one for further ones.
--
-- $1 uuid who claims them
-- $2 bigint for how many seconds
-- $3 bigint at most this many
--
-- Plan note: the second condition on the status is that of the index.
--
-- Returns their ids.
UPDATE webhook_endpoints w
SET lease = $1, leased_until = (SELECT ledger_now()) + $2 * interval '1 second'
FROM (
    SELECT e.id
    FROM webhook_endpoints e
    WHERE e.status = 'enabled'
      AND e.status IN ('enabled', 'paused')
      AND (e.leased_until IS NULL OR e.leased_until < (SELECT ledger_now()))
      AND (EXISTS (SELECT FROM webhook_deliveries d
                   WHERE d.endpoint_id = e.id AND d.attempts = 0 AND d.due_at IS NOT NULL)
           OR (SELECT min(d.due_at) FROM webhook_deliveries d
               WHERE d.endpoint_id = e.id AND d.attempts > 0 AND d.due_at IS NOT NULL) <= (SELECT ledger_now()))
    ORDER BY e.leased_until NULLS FIRST
    LIMIT $3
    FOR UPDATE SKIP LOCKED
) c
WHERE w.id = c.id
RETURNING w.id
