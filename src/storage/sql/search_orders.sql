-- Orders that a search finds, at most $1 for each way in which a text can match. A prefix is a range in the order of
-- code points, so each way is a range of one index, and is read in its order.
--
-- $1 bigint at most this many of each way
-- $2 uuid the first id, or null
-- $3 uuid the last id
-- $4 text the first reference, or null
-- $5 text the end of references
-- $6 text the first id of the company, as it was written
-- $7 text the end of such ids
-- $8 text the first normal form, or null
-- $9 text the end of normal forms
-- $10 numeric what the payer pays, or null
-- $11 text the customer, or null
--
-- Returns the columns of `FoundRow`.
SELECT o.id, o.customer_id::text, f.matched, o.status, o.currency, o.payable_amount, o.created_at
FROM (
    (SELECT id, 'id' AS matched FROM top_up_orders WHERE id BETWEEN $2 AND $3 LIMIT $1)
    UNION ALL
    (SELECT id, 'reference' FROM top_up_orders WHERE reference ~>=~ $4 AND reference ~<~ $5
     ORDER BY reference USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT order_id, 'provider_reference' FROM attempts
     WHERE provider_reference ~>=~ $6 AND provider_reference ~<~ $7
     ORDER BY provider_reference USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT id, 'remitter' FROM top_up_orders WHERE remitter_key ~>=~ $8 AND remitter_key ~<~ $9
     ORDER BY remitter_key USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT order_id, 'bank_transaction_id' FROM approvals WHERE identity ~>=~ $8 AND identity ~<~ $9
     ORDER BY identity USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT id, 'amount' FROM top_up_orders WHERE payable_amount = $10 ORDER BY created_at DESC, id DESC LIMIT $1)
    UNION ALL
    (SELECT id, 'customer_id' FROM top_up_orders WHERE customer_id = $11 ORDER BY created_at DESC, id DESC LIMIT $1)
) f
JOIN top_up_orders o ON o.id = f.id
