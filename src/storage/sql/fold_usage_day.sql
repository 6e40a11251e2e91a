-- Folds the usage of a day, customer by customer, as `fold_report_day` folds its entries.
--
-- $1 date the day
-- $2 timestamptz its beginning
-- $3 timestamptz its end
-- $4 text[] the keys of metadata by which usage is summed
--
-- Returns how many entries were folded.
WITH sums AS (
    INSERT INTO usage_sums (customer_id, day, currency, product, labels, uses, amount, reversals, reversed)
    SELECT w.customer_id, $1, w.currency, usage_product(e.counterpart, w.product), usage_labels(e.metadata, $4),
           count(*) FILTER (WHERE e.kind IN (/* CONSUMPTION */ 2, 3)),
           coalesce(sum(-e.amount) FILTER (WHERE e.kind IN (/* CONSUMPTION */ 2, 3)), 0),
           count(*) FILTER (WHERE e.kind = /* REVERSAL */ 4),
           coalesce(sum(e.amount) FILTER (WHERE e.kind = /* REVERSAL */ 4), 0)
    FROM (
        SELECT customer_id, id, currency, product,
               entries_before(customer_id, id, entry_seq, $2, 0, '00000000-0000-0000-0000-000000000000') AS before,
               entries_before(customer_id, id, entry_seq, $3, 0, '00000000-0000-0000-0000-000000000000') AS after
        FROM wallets
        WHERE updated_at >= $2 AND entry_seq > 0
        OFFSET 0
    ) w
    CROSS JOIN LATERAL (
        SELECT kind, counterpart, amount, metadata
        FROM entries
        WHERE customer_id = w.customer_id AND wallet_id = w.id AND seq > w.before AND seq <= w.after
          AND coalesce(kind, 0::smallint) IN (/* SPENDING */ 2, 3, 4)
        OFFSET 0
    ) e
    GROUP BY 1, 2, 3, 4, 5
    RETURNING uses + reversals AS entries
)
SELECT coalesce(sum(entries), 0)::bigint FROM sums
