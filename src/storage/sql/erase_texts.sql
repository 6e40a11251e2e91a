-- Erases the texts of a customer's entries. A trigger lets nothing else change.
--
-- $1 text customer
-- Per entry:
-- $2 uuid[] wallet
-- $3 bigint[] number
-- $4 text[] what takes the place of its texts
UPDATE entries e
SET description = NULL, metadata = NULL, text_digest = t.text_digest
FROM unnest($2, $3, $4) AS t (wallet_id, seq, text_digest)
WHERE e.customer_id = $1 AND e.wallet_id = t.wallet_id AND e.seq = t.seq
