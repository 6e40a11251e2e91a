-- Reads refund requests back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `refund_requests`
--
-- Returns the columns of `RefundRequestRow`.
SELECT r.id, r.order_id, r.customer_id, r.currency, r.amount, r.reason, r.status, r.asked_by, r.created_at, r.refund_id,
       r.decided_by, r.decided_at, r.answer
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::refund_requests, kept.data) r
ORDER BY kept.n
