-- Reads transfers back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `transfers`
--
-- Returns the columns of `TransferRow`.
SELECT t.customer_id, t.id, t.currency, t.amount, t.from_product, t.to_product, t.order_id,
       t.client_reference, t.metadata, t.created_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::transfers, kept.data) t
ORDER BY kept.n
