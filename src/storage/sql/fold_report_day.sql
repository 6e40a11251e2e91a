-- Folds a day: writes the sums of its entries. No index by time contains all entries, because every usage would have to
-- write it. So the wallets that changed since the day began are read, and a binary search finds the day's entries of
-- each. Fee and tax are those of the day's papers, which must all be issued: a receipt's are in the row of the
-- recharge, those of a credit note are subtracted in the row of the refund or the reversed approval, and a cancellation
-- undoes its credit note. Such a row can have fee and tax only, if the wallets had nothing to give, or gave on another
-- day.
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
               coalesce(e.granted, 0) AS granted, coalesce(e.debt, 0) AS debt, 0 AS fee, 0 AS tax, 0 AS tax_included
        FROM (
            SELECT customer_id, id, currency, product,
                   entries_before(customer_id, id, entry_seq, $2, 0, '00000000-0000-0000-0000-000000000000') AS before,
                   entries_before(customer_id, id, entry_seq, $3, 0, '00000000-0000-0000-0000-000000000000') AS after
            FROM wallets
            WHERE updated_at >= $2 AND entry_seq > 0
            OFFSET 0
        ) w
        CROSS JOIN LATERAL (
            SELECT kind, counterpart, amount, granted, debt
            FROM entries
            WHERE customer_id = w.customer_id AND wallet_id = w.id AND seq > w.before AND seq <= w.after
            OFFSET 0
        ) e
        UNION ALL
        SELECT p.currency::text, p.product::text, p.kind, p.counterpart, 0, 0, 0, 0, p.fee, p.tax, p.tax_included
        FROM reported_papers p
        WHERE p.happened_at >= $2 AND p.happened_at < $3
    ) m
    GROUP BY f.day, m.currency, m.product, m.kind, m.counterpart
    RETURNING entries
)
SELECT coalesce(sum(entries), 0)::bigint FROM sums
