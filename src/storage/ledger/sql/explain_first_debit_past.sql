-- Finds the first entry of a wallet after which at least an amount, or more than that amount, of paid money has gone
-- out.
--
-- $1 text customer
-- $2 uuid wallet id
-- $3 numeric the amount, as a value of paid_out
-- $4 bool whether the amount itself is enough
--
-- Returns the number of the entry, or one more than the last number if no entry has reached the amount.
--
-- Entries are numbered without a gap and paid_out never decreases, so the entry is found by binary search, in some 25
-- steps through the primary key.
WITH RECURSIVE halves (low, high) AS (
    SELECT 0::bigint, entry_seq + 1
    FROM wallets
    WHERE customer_id = $1 AND id = $2
    UNION ALL
    SELECT CASE WHEN b.beyond THEN h.low ELSE h.middle END,
           CASE WHEN b.beyond THEN h.middle ELSE h.high END
    FROM (SELECT low, high, (low + high) / 2 AS middle FROM halves WHERE high - low > 1) h
    JOIN entries e ON e.customer_id = $1 AND e.wallet_id = $2 AND e.seq = h.middle
    CROSS JOIN LATERAL (SELECT e.paid_out > $3 OR ($4 AND e.paid_out = $3) AS beyond) b
)
SELECT high FROM halves WHERE high - low = 1
