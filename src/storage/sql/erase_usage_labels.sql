-- Erases the labels from the folded usage of a customer: rows that differ only in labels become one.
--
-- $1 text customer
WITH labelled AS (
    DELETE FROM usage_sums WHERE customer_id = $1 AND labels <> '{}' RETURNING *
)
INSERT INTO usage_sums AS s (customer_id, day, currency, product, labels, uses, amount, reversals, reversed)
SELECT customer_id, day, currency, product, '{}', sum(uses), sum(amount), sum(reversals), sum(reversed)
FROM labelled
GROUP BY customer_id, day, currency, product
ON CONFLICT ON CONSTRAINT usage_sums_pkey DO UPDATE
SET uses = s.uses + excluded.uses,
    amount = s.amount + excluded.amount,
    reversals = s.reversals + excluded.reversals,
    reversed = s.reversed + excluded.reversed
