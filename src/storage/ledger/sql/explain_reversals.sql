-- Finds what was given back of some usages of one wallet.
--
-- $1 text customer
-- $2 text[] ids of the usages
-- $3 uuid wallet id
-- $4 bigint at most this many entries
--
-- Returns the columns of `EntryRow`, in the order of the entries.
SELECT e.customer_id, e.wallet_id, e.seq, e.kind, e.key, e.fingerprint, e.counterpart, e.reference, e.description,
       e.metadata, e.occurred_at, e.amount, e.granted, e.debt, e.grant_id, e.balance_after, e.paid_in, e.paid_out,
       e.created_at,
       (SELECT w.currency FROM wallets w WHERE w.customer_id = e.customer_id AND w.id = e.wallet_id) AS currency
FROM entries e
WHERE e.kind = /* REVERSAL */ 4
  AND e.customer_id = $1
  AND e.reference = ANY ($2)
  AND e.wallet_id = $3
ORDER BY e.seq
LIMIT $4
