-- Writes the events of grants of which something has expired.
--
-- Per grant:
-- $1 text[] customer
-- $2 uuid[] id
-- $3 text[] currency of its wallet
-- $4 text[] product of its wallet
INSERT INTO events (customer_id, type, noun, data, created_at)
SELECT g.customer_id, 'grant.expired', 'grant',
       to_jsonb(g) || jsonb_build_object('currency', k.currency, 'product', k.product), ledger_now()
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS k (customer_id, id, currency, product, n)
JOIN grants g ON g.customer_id = k.customer_id AND g.id = k.id
ORDER BY k.n
