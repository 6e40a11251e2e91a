-- A page of a customer's flows: each wallet (or each that the filter names) is read from its newest entry down, and the
-- results are merged. For each wallet a whole page is read, however few entries it has, and entries of other kinds are
-- skipped.
--
-- $1 bool whether the page begins at the newest entry; then the position ($2, $3, $4) is not looked for
-- $2 timestamptz the page comes after this position: created_at
-- $3 bigint and seq
-- $4 uuid and wallet id
-- $5 timestamptz created from, or null
-- $6 text customer
-- $7 text currency, or null
-- $8 text product, or null
-- $9 smallint[] kinds
-- $10 bigint at most this many flows
-- $11 bool whether transfers that came in have to belong to an order, or null
--
-- Returns the columns of `FlowRow`, the newest first.
--
-- A binary search finds the wallet's entry numbers between which the page can be (`entries_before`).
--
-- Plan note: `coalesce(kind, …)` hides the column from the planner on purpose: the indexes by kind have the entries in
-- another order.
SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description,
       e.metadata, e.occurred_at, e.created_at
FROM (
    SELECT id, currency, product,
           CASE WHEN $1 THEN entry_seq ELSE entries_before(customer_id, id, entry_seq, $2, $3, $4) END AS newest,
           CASE WHEN $5::timestamptz IS NULL THEN 0
                ELSE entries_before(customer_id, id, entry_seq, $5, 0, '00000000-0000-0000-0000-000000000000')
           END AS below
    FROM wallets
    WHERE customer_id = $6 AND currency = coalesce($7, currency) AND product = coalesce($8, product)
    OFFSET 0
) w
CROSS JOIN LATERAL (
    SELECT *
    FROM entries
    WHERE customer_id = $6
      AND wallet_id = w.id
      AND seq <= w.newest
      AND seq > w.below
      AND coalesce(kind, 0::smallint) = ANY ($9)
      AND ($11::boolean IS NULL OR kind <> /* TRANSFER_IN */ 7 OR starts_with(reference, 'tuo_') = $11)
    ORDER BY seq DESC
    LIMIT $10
) e
ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC
LIMIT $10
