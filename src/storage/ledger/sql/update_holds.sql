-- Writes the columns of holds that can change. The holds are locked, so the order of the updates does not
-- matter.
--
-- Per hold:
-- $1 text[] customer
-- $2 text[] key
-- $3 text[] status
-- $4 numeric[] captured amount, null unless captured
-- $5 timestamptz[] closed_at, null while open
-- $6 timestamptz[] expires_at
--
-- Returns nothing; the number of updated rows must be the number of holds.
UPDATE holds h
SET status = n.status,
    captured = n.captured,
    closed_at = n.closed_at,
    expires_at = n.expires_at
FROM unnest($1, $2, $3, $4, $5, $6) AS n (customer_id, key, status, captured, closed_at, expires_at)
WHERE h.customer_id = n.customer_id AND h.key = n.key
