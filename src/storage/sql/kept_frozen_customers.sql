-- Reads freezes of customers back as events kept them, in the order given. If a freeze has ended, only the customer is
-- known.
--
-- $1 jsonb[] rows of `frozen_customers`
--
-- Returns customer, reason, who, when.
SELECT f.customer_id, f.reason, f.frozen_by, f.frozen_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::frozen_customers, kept.data) f
ORDER BY kept.n
