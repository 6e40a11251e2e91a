-- Writes the events of wallets whose available amount crossed the threshold of their alert.
--
-- Per event, in the order in which readers get them:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 text[] type
INSERT INTO events (customer_id, type, noun, data, created_at)
SELECT w.customer_id, k.type, 'balance', to_jsonb(w), ledger_now()
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS k (customer_id, currency, product, type, n)
JOIN wallets w ON w.customer_id = k.customer_id AND w.currency = k.currency AND w.product = k.product
ORDER BY k.n
