-- Refunds that a search finds, at most $1 for each way in which a text can match. A prefix is a range in the order
-- of code points, so each way is a range of one index.
--
-- $1 bigint at most this many of each way
-- $2 uuid the first id, or null
-- $3 uuid the last id
-- $4 text the first id of the company, as it was written
-- $5 text the end of such ids
-- $6 numeric the amount, or null
-- $7 text the customer, or null
--
-- Returns the columns of `FoundRow`.
SELECT r.id, r.customer_id, f.matched, r.status, r.currency, r.amount, r.created_at
FROM (
    (SELECT id, 'id' AS matched FROM refunds WHERE id BETWEEN $2 AND $3 LIMIT $1)
    UNION ALL
    (SELECT id, 'provider_refund_id' FROM refunds
     WHERE provider_refund_id ~>=~ $4 AND provider_refund_id ~<~ $5
     ORDER BY provider_refund_id USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT id, 'amount' FROM refunds WHERE amount = $6 ORDER BY created_at DESC LIMIT $1)
    UNION ALL
    (SELECT id, 'customer_id' FROM refunds WHERE customer_id = $7 ORDER BY created_at DESC, id DESC LIMIT $1)
) f
JOIN refunds r ON r.id = f.id
