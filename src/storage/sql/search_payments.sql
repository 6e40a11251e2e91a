-- Payments that a search finds, at most $1 for each way in which a text can match. A prefix is a range in the order of
-- code points, so each way is a range of one index, and is read in its order.
--
-- $1 bigint at most this many of each way
-- $2 uuid the first id, or null
-- $3 uuid the last id
-- $4 text the first id of the company, as it was written
-- $5 text the end of such ids
-- $6 text the first normal form of a bank id or a remitter, or null
-- $7 text the end of normal forms
-- $8 numeric the amount, or null
--
-- Returns the columns of `FoundRow`.
SELECT p.id, o.customer_id::text, f.matched, NULL::text AS status, p.currency, p.amount, p.received_at
FROM (
    (SELECT id, 'id' AS matched FROM payments WHERE id BETWEEN $2 AND $3 LIMIT $1)
    UNION ALL
    (SELECT id, 'provider_payment_id' FROM payments WHERE payment_id ~>=~ $4 AND payment_id ~<~ $5
     ORDER BY payment_id USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT id, 'provider_payment_id' FROM payments
     WHERE provider = 'vnpay' AND split_part(payment_id, ':', 2) ~>=~ $4 AND split_part(payment_id, ':', 2) ~<~ $5
     ORDER BY split_part(payment_id, ':', 2) USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT payment_id, 'bank_transaction_id' FROM bank_transactions
     WHERE identity ~>=~ $6 AND identity ~<~ $7
     ORDER BY identity USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT payment_id, 'remitter' FROM bank_transactions WHERE payer ~>=~ $6 AND payer ~<~ $7
     ORDER BY payer USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT id, 'amount' FROM payments WHERE amount = $8 ORDER BY received_at DESC LIMIT $1)
) f
JOIN payments p ON p.id = f.id
LEFT JOIN top_up_orders o ON o.id = p.order_id
