-- The next wallets in the order of their keys, and how far each is sealed.
--
-- $1 text customer of the last wallet before
-- $2 text its currency
-- $3 text its product
-- $4 bigint the largest number of wallets
--
-- Returns customer, currency, product, id and the number of the last entry; then the number of the last sealed entry
-- and its seal's hash, if there is one; and the time of the first unsealed entry, if there is one.
SELECT w.customer_id, w.currency, w.product, w.id, w.entry_seq, s.to_seq, s.hash, e.created_at
FROM (SELECT customer_id, currency, product, id, entry_seq
      FROM wallets
      WHERE (customer_id, currency, product) > ($1, $2, $3)
      ORDER BY customer_id, currency, product
      LIMIT $4) AS w
LEFT JOIN LATERAL (SELECT l.to_seq, l.hash
                   FROM seals l
                   WHERE l.customer_id = w.customer_id AND l.wallet_id = w.id
                   ORDER BY l.from_seq DESC
                   LIMIT 1) AS s ON true
LEFT JOIN LATERAL (SELECT u.created_at
                   FROM entries u
                   WHERE u.customer_id = w.customer_id AND u.wallet_id = w.id AND u.seq = coalesce(s.to_seq, 0) + 1
                   LIMIT 1) AS e ON w.entry_seq > coalesce(s.to_seq, 0)
ORDER BY w.customer_id, w.currency, w.product
