-- Reads disputes back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `disputes`
--
-- Returns the columns of `DisputeRow`.
SELECT x.id, x.payment_id, x.order_id, x.customer_id, x.provider, x.dispute_id, x.awaits_id, x.currency, x.amount,
       x.from_unapplied, x.from_wallet, x.status, x.reason, x.taken_back, x.wallet_taken, x.bonus_taken, x.restored,
       x.charged, x.created_at, x.updated_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::disputes, kept.data) x
ORDER BY kept.n
