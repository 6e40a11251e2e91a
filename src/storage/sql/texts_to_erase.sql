-- Entries of a customer that have texts, in the order of wallet and number.
--
-- $1 text customer
-- $2 uuid wallet of the last entry before
-- $3 bigint its number
-- $4 bigint the largest number of entries
--
-- Returns wallet, number and both texts.
SELECT e.wallet_id, e.seq, e.description, e.metadata
FROM entries e
WHERE e.customer_id = $1
  AND (e.wallet_id, e.seq) > ($2, $3)
  AND (e.description IS NOT NULL OR e.metadata IS NOT NULL)
ORDER BY e.wallet_id, e.seq
LIMIT $4
