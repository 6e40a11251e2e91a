-- Reads the events of orders and balances of some customers after the last position that each has seen.
--
-- Per customer:
-- $1 text[] customer
-- $2 bigint[] the last position seen
-- For all:
-- $3 bigint at most this many events of each customer
--
-- Returns the columns of `EventRow`, the oldest first.
SELECT e.customer_id, e.position, e.sequence, e.number, e.id, e.type, e.noun, e.data, e.created_at
FROM unnest($1, $2) AS k (customer_id, position)
CROSS JOIN LATERAL (
    SELECT *
    FROM events
    WHERE customer_id = k.customer_id AND position > k.position AND noun IN ('order', 'balance')
    ORDER BY position
    LIMIT $3
) e
ORDER BY e.position
