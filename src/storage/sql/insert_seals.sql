-- Inserts seals.
--
-- Per seal:
-- $1 text[] customer
-- $2 uuid[] wallet
-- $3 bigint[] number of the first entry
-- $4 bigint[] number of the last entry
-- $5 smallint[] form
-- $6 bytea[] hash of the seal before
-- $7 bytea[] hash
-- $8 text[] key
-- $9 bytea[] signature
-- $10 timestamptz[] sealed_at
INSERT INTO seals (customer_id, wallet_id, from_seq, to_seq, form, previous_hash, hash, key_id, signature, sealed_at)
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
