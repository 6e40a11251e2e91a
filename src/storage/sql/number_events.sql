-- Numbers the events that have been committed and have no number, in the order of their positions, and creates their
-- deliveries. The caller has taken the lock of the feed in an earlier statement, so this one sees what every earlier
-- numbering has written.
--
-- $1 bigint at most this many
--
-- Returns how many were numbered.
WITH fresh AS (
    SELECT e.seq, row_number() OVER (ORDER BY e.position) AS n
    FROM (SELECT seq, position FROM events WHERE number IS NULL AND position IS NOT NULL ORDER BY position LIMIT $1) e
), numbered AS (
    UPDATE events e
    SET number = f.last + fresh.n
    FROM fresh, event_feed f
    WHERE e.seq = fresh.seq AND e.number IS NULL
    RETURNING e.number, e.id, e.customer_id, e.type, e.owner, e.data ->> 'id' AS subject
), moved AS (
    UPDATE event_feed SET last = n.last
    FROM (SELECT max(number) AS last FROM numbered) n
    WHERE n.last IS NOT NULL
), told AS (
    INSERT INTO webhook_deliveries (endpoint_id, number, event_id, customer_id, type, due_at, created_at)
    SELECT w.id, n.number, n.id, coalesce(n.customer_id, ''), n.type, ledger_now(), ledger_now()
    FROM numbered n
    JOIN webhook_endpoints w ON w.status IN ('enabled', 'paused')
     AND webhook_wants(w.id, w.owner, w.types, n.type, n.owner, n.subject)
)
SELECT count(*) FROM numbered
