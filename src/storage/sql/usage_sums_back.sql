-- As `usage_sums.sql`, read backwards: the rows before a place, the nearest first.
--
-- $1 text customer
-- $2 date the first day
-- $3 date the last day
-- $4 text currency, or null
-- $5 text product, or null
-- $6 date the page comes before this row: day
-- $7 text and currency
-- $8 text and product
-- $9 jsonb and labels
-- $10 bigint at most this many rows
--
-- Returns the columns of `SumRow`.
SELECT day, currency, product, labels, uses, amount, reversals, reversed
FROM usage_sums
WHERE customer_id = $1
  AND day BETWEEN $2 AND $3
  AND (day, currency, product, labels) < ($6, $7, $8, $9)
  AND currency = coalesce($4, currency)
  AND product = coalesce($5, product)
ORDER BY day DESC, currency DESC, product DESC, labels DESC
LIMIT $10
