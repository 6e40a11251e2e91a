-- Writes the events of holds that have expired.
--
-- $1 uuid[] ids of the holds
INSERT INTO events (customer_id, type, noun, data, created_at)
SELECT h.customer_id, 'hold.expired', 'hold', to_jsonb(h), ledger_now()
FROM unnest($1) WITH ORDINALITY AS k (id, n)
JOIN holds h ON h.id = k.id
ORDER BY k.n
