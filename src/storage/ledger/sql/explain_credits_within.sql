-- Finds the entries that brought a range of a wallet's paid money.
--
-- $1 text customer
-- $2 uuid wallet id
-- $3 numeric where the range begins, as a value of paid_in
-- $4 numeric where the range ends
-- $5 bigint at most this many entries
--
-- Returns the columns of `EntryRow`, the oldest entry first.
--
-- The upper bound is the first entry that reaches the end of the range. The kinds are written as the index
-- `entries_paid_in` has them, so that both look-ups use it.
SELECT e.customer_id, e.wallet_id, e.seq, e.kind, e.key, e.fingerprint, e.counterpart, e.reference, e.description,
       e.metadata, e.occurred_at, e.amount, e.granted, e.debt, e.grant_id, e.balance_after, e.paid_in, e.paid_out,
       e.created_at,
       (SELECT w.currency FROM wallets w WHERE w.customer_id = e.customer_id AND w.id = e.wallet_id) AS currency
FROM entries e
WHERE e.customer_id = $1
  AND e.wallet_id = $2
  AND e.kind IN (/* BRINGS_PAID_MONEY */ 1, 4, 6, 7, 11, 16, 18, 20, 21)
  AND e.paid_in > $3
  AND e.paid_in <= coalesce((
      SELECT paid_in
      FROM entries
      WHERE customer_id = $1
        AND wallet_id = $2
        AND kind IN (/* BRINGS_PAID_MONEY */ 1, 4, 6, 7, 11, 16, 18, 20, 21)
        AND paid_in >= $4
      ORDER BY paid_in
      LIMIT 1
  ), $4)
  AND e.amount - coalesce(e.granted, 0) + coalesce(e.debt, 0) > 0
ORDER BY e.paid_in
LIMIT $5
