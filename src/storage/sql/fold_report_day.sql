-- Folds a day: writes the sums of its entries. No index by time contains all entries, because every usage would have to
-- write it. So the wallets that were touched since the day began are read, and the day's stretch of each is found by
-- binary search. An approval that was reversed on the day takes the fee and the tax of its recharge off again, also
-- where the wallets had nothing to give, so that no entry tells of it.
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
    SELECT f.day, m.currency, m.product, m.kind, m.counterpart, sum(m.entries), sum(m.amount), sum(m.granted),
           sum(m.debt), sum(m.fee), sum(m.tax), sum(m.tax_included)
    FROM folded f
    CROSS JOIN (
        SELECT w.currency::text, w.product::text, e.kind::smallint, e.counterpart::text, 1 AS entries, e.amount,
               coalesce(e.granted, 0) AS granted, coalesce(e.debt, 0) AS debt, coalesce(a.fee, 0) AS fee,
               coalesce(a.tax, 0) AS tax, coalesce(a.tax_included, 0) AS tax_included
        FROM (
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
        UNION ALL
        SELECT r.currency, r.product, /* ADJUST */ 11::smallint, 'bank:' || p.merchant_account, 0, 0, 0, 0, -a.fee,
               -a.tax, -a.tax_included
        FROM adjustments r
        JOIN payment_applications a ON a.order_id = r.order_id AND a.reversed_at IS NOT NULL
        JOIN payments p ON p.id = a.payment_id
        WHERE r.order_id IS NOT NULL AND r.booked_at >= $2 AND r.booked_at < $3
          AND a.fee + a.tax + a.tax_included > 0
    ) m
    GROUP BY f.day, m.currency, m.product, m.kind, m.counterpart
    RETURNING entries
)
SELECT coalesce(sum(entries), 0)::bigint FROM sums
