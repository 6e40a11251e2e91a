-- Folds a day: writes the sums of its entries. No index by time contains all entries, because every usage would have to
-- write it. So the wallets that were touched since the day began are read, and the day's stretch of each is found by
-- binary search.
--
-- $1 date the day
-- $2 timestamptz its beginning
-- $3 timestamptz its end
-- $4 text[] the keys of metadata by which usage is summed
--
-- Returns how many entries were folded.
WITH folded AS (
    INSERT INTO report_days (day, starts_at, ends_at, folded_at, usage_keys)
    VALUES ($1, $2, $3, ledger_now(), $4)
    RETURNING day
), sums AS (
    INSERT INTO report_sums (day, currency, product, kind, counterpart, entries, amount, granted, debt, fee, tax,
                             tax_included)
    SELECT f.day, w.currency, w.product, e.kind, e.counterpart, count(*), sum(e.amount), sum(coalesce(e.granted, 0)),
           sum(coalesce(e.debt, 0)), sum(coalesce(a.fee, 0)), sum(coalesce(a.tax, 0)),
           sum(coalesce(a.tax_included, 0))
    FROM folded f
    CROSS JOIN (
        SELECT customer_id, id, currency, product,
               entries_before(customer_id, id, entry_seq, $2, 0, '00000000-0000-0000-0000-000000000000') AS before,
               entries_before(customer_id, id, entry_seq, $3, 0, '00000000-0000-0000-0000-000000000000') AS after
        FROM wallets
        WHERE updated_at >= $2 AND entry_seq > 0
        OFFSET 0
    ) w
    CROSS JOIN LATERAL (
        SELECT kind, counterpart, amount, granted, debt, key
        FROM entries
        WHERE customer_id = w.customer_id AND wallet_id = w.id AND seq > w.before AND seq <= w.after
        OFFSET 0
    ) e
    LEFT JOIN LATERAL (
        SELECT fee, tax, tax_included
        FROM payment_applications
        WHERE e.kind = /* RECHARGE */ 1
          AND payment_id = CASE WHEN e.key ~ '^pay_[0-9a-f]{32}:[0-9]{1,9}$' THEN substr(e.key, 5, 32)::uuid END
          AND n = CASE WHEN e.key ~ '^pay_[0-9a-f]{32}:[0-9]{1,9}$' THEN split_part(e.key, ':', 2)::integer END
        OFFSET 0
    ) a ON true
    GROUP BY f.day, w.currency, w.product, e.kind, e.counterpart
    RETURNING entries
)
SELECT coalesce(sum(entries), 0)::bigint FROM sums
