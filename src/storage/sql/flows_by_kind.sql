-- A page of a customer's flows other than consumption: one index scan per kind, each of which stops after a page, then
-- merged. A page costs the same at any depth. Consumption has no such index, because every usage would have to write to
-- it.
--
-- $1 smallint[] kinds
-- $2 text customer
-- $3 timestamptz the page comes after this position: created_at
-- $4 bigint and seq
-- $5 uuid and wallet id
-- $6 timestamptz created from, or null
-- $7 timestamptz created before, or null
-- $8 text currency, or null
-- $9 text product, or null
-- $10 bigint at most this many flows
-- $11 bool whether transfers that came in have to belong to an order, or null
--
-- Returns the columns of `FlowRow`, the newest first.
--
-- Plan notes. (a) `coalesce(wallet_id, …)` hides the column from the planner on purpose: otherwise it picks the wallet
-- index and sorts all of a customer's entries, because it cannot know that one wallet has most of them. (b) The index
-- does not contain the wallet. If the scan had to return the complete order, PostgreSQL would sort all entries. So the
-- scan includes ties, and the outer query completes the order.
SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description,
       e.metadata, e.occurred_at, e.created_at
FROM unnest($1) AS k (kind)
CROSS JOIN LATERAL (
    SELECT *
    FROM entries
    WHERE customer_id = $2
      AND kind = k.kind
      AND kind NOT IN (/* CONSUMPTION */ 2, 3)
      AND (created_at, seq, wallet_id) < ($3, $4, $5)
      AND created_at >= coalesce($6, '-infinity')
      AND created_at < coalesce($7, 'infinity')
      AND ($11::boolean IS NULL OR kind <> /* TRANSFER_IN */ 7 OR starts_with(reference, 'tuo_') = $11)
      AND (($8::text IS NULL AND $9::text IS NULL)
           OR coalesce(wallet_id, $5) = ANY (ARRAY (
               SELECT id
               FROM wallets
               WHERE customer_id = $2 AND currency = coalesce($8, currency) AND product = coalesce($9, product))))
    ORDER BY created_at DESC, seq DESC
    FETCH FIRST ($10) ROWS WITH TIES
) e
JOIN wallets w ON w.customer_id = $2 AND w.id = e.wallet_id
ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC
LIMIT $10
