-- Reads payments back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `payments`
--
-- Returns the columns of `PaymentRow`.
SELECT p.id, p.provider, p.merchant_account, p.payment_id, p.currency, p.amount, p.applied, p.refunded,
       p.unapplied_taken, p.order_id, p.unapplied_reason, p.live, p.received_at, p.ask_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::payments, kept.data) p
ORDER BY kept.n
