-- As `flows_by_wallet.sql`, read backwards: the flows before a position of the list, the nearest first. Each wallet is
-- read upwards from that position.
--
-- $1 timestamptz the page comes before this position: created_at
-- $2 bigint and seq
-- $3 uuid and wallet id
-- $4 timestamptz created from, or null
-- $5 timestamptz created before, or null
-- $6 text customer
-- $7 text currency, or null
-- $8 text product, or null
-- $9 smallint[] kinds
-- $10 bigint at most this many flows
-- $11 bool whether transfers that came in have to belong to an order, or null
--
-- Returns the columns of `FlowRow`, the oldest first.
SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description,
       e.metadata, e.occurred_at, e.created_at
FROM (
    SELECT id, currency, product,
           -- The entry at the position is not on the page.
           greatest(entries_before(customer_id, id, entry_seq, $1, $2, $3) + (id = $3)::integer,
                    CASE WHEN $4::timestamptz IS NULL THEN 0
                         ELSE entries_before(customer_id, id, entry_seq, $4, 0, '00000000-0000-0000-0000-000000000000')
                    END) AS below,
           CASE WHEN $5::timestamptz IS NULL THEN entry_seq
                ELSE entries_before(customer_id, id, entry_seq, $5, 0, '00000000-0000-0000-0000-000000000000')
           END AS newest
    FROM wallets
    WHERE customer_id = $6 AND currency = coalesce($7, currency) AND product = coalesce($8, product)
    OFFSET 0
) w
CROSS JOIN LATERAL (
    SELECT *
    FROM entries
    WHERE customer_id = $6
      AND wallet_id = w.id
      AND seq > w.below
      AND seq <= w.newest
      AND coalesce(kind, 0::smallint) = ANY ($9)
      AND ($11::boolean IS NULL OR kind <> /* TRANSFER_IN */ 7 OR starts_with(reference, 'tuo_') = $11)
    ORDER BY seq
    LIMIT $10
) e
ORDER BY e.created_at, e.seq, e.wallet_id
LIMIT $10
