-- The sums of a range of folded days, by day or by month.
--
-- $1 bool by month
-- $2 date the first day
-- $3 date the last day
-- $4 text currency, or null
-- $5 text product, or null
--
-- Returns the columns of `SumRow`.
SELECT CASE WHEN $1 THEN date_trunc('month', day::timestamp)::date ELSE day END AS period,
       currency::text, product::text, kind::smallint, counterpart::text, sum(entries)::bigint, sum(amount),
       sum(granted), sum(debt), sum(fee), sum(tax), sum(tax_included)
FROM report_sums
WHERE day BETWEEN $2 AND $3 AND currency = coalesce($4, currency) AND product = coalesce($5, product)
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
