-- A customer's wallets at both ends of a period: how many entries each had, and the figures of the last one.
-- Within a wallet time never runs backwards, so the last entry before a moment is found by binary search.
--
-- $1 text customer
-- $2 text currency, or null
-- $3 text product, or null
-- $4 timestamptz the beginning
-- $5 timestamptz the end
--
-- Returns the columns of `EndsRow`, by currency and product.
SELECT w.id, w.currency, w.product, w.before, w.after,
       coalesce(o.balance_after, 0), coalesce(o.paid_in - o.paid_out, 0),
       coalesce(c.balance_after, 0), coalesce(c.paid_in - c.paid_out, 0)
FROM (
    SELECT id, currency, product,
           entries_before(customer_id, id, entry_seq, $4, 0, '00000000-0000-0000-0000-000000000000') AS before,
           entries_before(customer_id, id, entry_seq, $5, 0, '00000000-0000-0000-0000-000000000000') AS after
    FROM wallets
    WHERE customer_id = $1 AND currency = coalesce($2, currency) AND product = coalesce($3, product)
    OFFSET 0
) w
LEFT JOIN entries o ON o.customer_id = $1 AND o.wallet_id = w.id AND o.seq = w.before
LEFT JOIN entries c ON c.customer_id = $1 AND c.wallet_id = w.id AND c.seq = w.after
ORDER BY w.currency, w.product
