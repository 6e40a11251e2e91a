-- Reads grants back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `grants`
--
-- Returns the columns of `GrantRow` and of `AttachedRow`, and customer, currency and product of its wallet.
SELECT g.wallet_id, g.id, g.amount, g.remaining, g.held, g.owed, g.priority, g.expires_at, g.reason, g.order_id,
       g.created_by, g.created_at, g.client_reference, g.metadata, g.customer_id,
       kept.data ->> 'currency', kept.data ->> 'product'
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::grants, kept.data) g
ORDER BY kept.n
