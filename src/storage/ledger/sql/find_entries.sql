-- Finds entries by their dedupe keys.
--
-- Per entry:
-- $1 text[] customer
-- $2 smallint[] kind
-- $3 text[] key
--
-- Returns the columns of `EntryRow` for each entry that exists.
SELECT e.customer_id, e.wallet_id, e.seq, e.kind, e.key, e.fingerprint, e.counterpart, e.reference, e.description,
       e.metadata, e.occurred_at, e.amount, e.granted, e.debt, e.grant_id, e.balance_after, e.paid_in, e.paid_out,
       e.created_at,
       (SELECT w.currency FROM wallets w WHERE w.customer_id = e.customer_id AND w.id = e.wallet_id) AS currency
FROM unnest($1, $2, $3) AS k (customer_id, kind, key)
JOIN entries e USING (customer_id, kind, key)
