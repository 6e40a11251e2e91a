-- Inserts which grants entries took from or gave back to.
--
-- Per use:
-- $1 text[] customer
-- $2 uuid[] wallet id
-- $3 bigint[] seq of the entry
-- $4 uuid[] grant id
-- $5 numeric[] amount: negative if the entry took it
--
-- Returns nothing.
INSERT INTO grant_uses (customer_id, wallet_id, seq, grant_id, amount)
SELECT *
FROM unnest($1, $2, $3, $4, $5)
