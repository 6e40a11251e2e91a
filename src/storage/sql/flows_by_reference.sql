-- A page of a customer's flows that refer to one thing: an order, a transfer, a grant, a usage that was given back.
-- There are few of these. There are many captures, so no index of references contains them.
--
-- $1 text customer
-- $2 text reference
-- $3 smallint[] kinds
-- $4 timestamptz the page comes after this position: created_at
-- $5 bigint and seq
-- $6 uuid and wallet id
-- $7 timestamptz created from, or null
-- $8 timestamptz created before, or null
-- $9 text currency, or null
-- $10 text product, or null
-- $11 bigint at most this many flows
-- $12 bool whether transfers that came in have to belong to an order, or null
--
-- Returns the columns of `FlowRow`, the newest first.
SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description,
       e.metadata, e.occurred_at, e.created_at
FROM (
    SELECT *
    FROM entries
    WHERE customer_id = $1 AND reference = $2 AND kind NOT IN (/* CONSUMPTION */ 2, 3)
    OFFSET 0
) e
JOIN wallets w ON w.customer_id = $1 AND w.id = e.wallet_id
WHERE e.kind = ANY ($3)
  AND ($12::boolean IS NULL OR e.kind <> /* TRANSFER_IN */ 7 OR starts_with(e.reference, 'tuo_') = $12)
  AND (e.created_at, e.seq, e.wallet_id) < ($4, $5, $6)
  AND e.created_at >= coalesce($7, '-infinity')
  AND e.created_at < coalesce($8, 'infinity')
  AND w.currency = coalesce($9, w.currency)
  AND w.product = coalesce($10, w.product)
ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC
LIMIT $11
