-- The hashes of these wallets' chains at these ends.
--
-- Per head:
-- $1 text[] customer
-- $2 uuid[] wallet
-- $3 bigint[] number of the last sealed entry
--
-- Returns the number of the head, from 1, and the hash, if a seal ends there.
SELECT t.n, s.hash
FROM unnest($1, $2, $3) WITH ORDINALITY AS t (customer_id, wallet_id, to_seq, n)
JOIN seals s ON s.customer_id = t.customer_id AND s.wallet_id = t.wallet_id AND s.to_seq = t.to_seq
