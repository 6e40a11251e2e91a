-- Delivers the events since a moment to an endpoint again, if it wants them. An event that was never delivered there
-- gets a delivery; a finished delivery is tried again; a waiting one is left alone.
--
-- $1 uuid the endpoint
-- $2 timestamptz since when
-- $3 bigint how many events to check, the oldest first; all that are as old as the last of these, too
--
-- Returns how many events it checked, how many deliveries were created or started again, and the time of the last
-- event.
WITH seen AS (
    SELECT e.number, e.id, e.customer_id, e.type, e.owner, e.data ->> 'id' AS subject, e.created_at
    FROM events e
    WHERE e.created_at >= $2 AND e.number IS NOT NULL
    ORDER BY e.created_at
    FETCH FIRST ($3) ROWS WITH TIES
), wanted AS (
    SELECT s.number, s.id, s.customer_id, s.type
    FROM seen s
    JOIN webhook_endpoints w ON w.id = $1 AND webhook_wants(w.id, w.owner, w.types, s.type, s.owner, s.subject)
), told AS (
    INSERT INTO webhook_deliveries AS d (endpoint_id, number, event_id, customer_id, type)
    SELECT $1, number, id, coalesce(customer_id, ''), type FROM wanted ORDER BY number
    ON CONFLICT (endpoint_id, number) DO UPDATE SET status = 'pending', tries = 0, due_at = ledger_now()
    WHERE d.status <> 'pending'
    RETURNING 1
)
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM told), (SELECT max(created_at) FROM seen)
