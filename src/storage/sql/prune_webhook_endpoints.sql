-- Removes deleted endpoints whose deliveries are pruned, and returns how many.
--
-- Plan note: a scalar subquery is one look-up for each row. EXISTS may become a hash of all deliveries.
--
-- $1 bigint the largest number of endpoints
WITH gone AS (
    DELETE FROM webhook_endpoints
    WHERE id = ANY (ARRAY (
        SELECT e.id FROM webhook_endpoints e
        WHERE e.status = 'deleted'
          AND (SELECT true FROM webhook_deliveries d WHERE d.endpoint_id = e.id LIMIT 1) IS NULL
        LIMIT $1
        FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone
