-- Delivers the events since a moment once more to an endpoint that wants them. One that was never delivered there gets
-- a delivery; one that is at rest is tried again; one that waits is left alone.
--
-- $1 uuid the endpoint
-- $2 timestamptz since when
-- $3 bigint at most this many events, the oldest first
--
-- Returns how many events there were, how many deliveries were made or begun anew, and the time of the last event.
WITH wanted AS (
    SELECT e.number, e.id, e.customer_id, e.type, e.created_at
    FROM webhook_endpoints w
    JOIN events e ON e.created_at >= $2 AND e.number IS NOT NULL
     AND webhook_wants(w.id, w.owner, w.types, e.type, e.owner, e.data ->> 'id')
    WHERE w.id = $1
    ORDER BY e.created_at
    LIMIT $3
), told AS (
    INSERT INTO webhook_deliveries AS d (endpoint_id, number, event_id, customer_id, type)
    SELECT $1, number, id, coalesce(customer_id, ''), type FROM wanted ORDER BY number
    ON CONFLICT (endpoint_id, number) DO UPDATE SET status = 'pending', tries = 0, due_at = ledger_now()
    WHERE d.status <> 'pending'
    RETURNING 1
)
SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM told), (SELECT max(created_at) FROM wanted)
