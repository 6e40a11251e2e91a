-- Finds what was given back of a usage.
--
-- $1 text customer
-- $2 text id of the usage
--
-- Returns the columns of `EntryRow` for each reversal.
--
-- Plan note: `kind NOT IN …` is implied, but repeats the condition of the index `entries_by_reference`.
SELECT e.customer_id, e.wallet_id, e.seq, e.kind, e.key, e.fingerprint, e.counterpart, e.reference, e.description,
       e.metadata, e.occurred_at, e.amount, e.granted, e.debt, e.grant_id, e.balance_after, e.paid_in, e.paid_out,
       e.created_at,
       (SELECT w.currency FROM wallets w WHERE w.customer_id = e.customer_id AND w.id = e.wallet_id) AS currency
FROM entries e
WHERE e.customer_id = $1
  AND e.reference = $2
  AND e.kind = /* REVERSAL */ 4
  AND e.kind NOT IN (/* CONSUMPTION */ 2, 3)
