-- The sums of all entries before a range of folded days, and of those in it, by currency and kind.
--
-- $1 date the first day
-- $2 date the last day
-- $3 text currency, or null
-- $4 text product, or null
--
-- Returns the columns of `KindRow`.
SELECT currency::text, kind::smallint, day < $1, sum(entries)::bigint, sum(amount), sum(granted), sum(debt)
FROM report_sums
WHERE day <= $2 AND currency = coalesce($3, currency) AND product = coalesce($4, product)
GROUP BY 1, 2, 3
