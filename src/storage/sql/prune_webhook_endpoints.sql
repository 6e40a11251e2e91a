-- Removes deleted endpoints whose deliveries are pruned, and returns how many.
--
-- Plan note: the inner order is that of an index. Without it the planner reads all deliveries for each endpoint,
-- because it expects to find one at once.
--
-- $1 bigint the largest number of endpoints
WITH gone AS (
    DELETE FROM webhook_endpoints
    WHERE id = ANY (ARRAY (
        SELECT e.id FROM webhook_endpoints e
        WHERE e.status = 'deleted'
          AND (SELECT d.number FROM webhook_deliveries d WHERE d.endpoint_id = e.id ORDER BY d.number LIMIT 1) IS NULL
        LIMIT $1
        FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone
