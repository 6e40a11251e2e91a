-- Reads refunds back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `refunds`
--
-- Returns the columns of `RefundRow`.
SELECT r.id, r.order_id, r.payment_id, r.customer_id, r.provider, r.provider_refund_id, r.currency, r.amount,
       r.from_unapplied, r.from_wallet, r.debited, r.wallet_taken, r.bonus_taken, r.status, r.reason, r.failure,
       r.ours, r.override_balance, r.from_products, r.closing_id, r.proposed_by, r.approved_by,
       r.second_needed, r.created_at, r.started_at, r.updated_at, r.ask_at, r.asked
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::refunds, kept.data) r
ORDER BY kept.n
