-- How much of some usages of a customer was given back.
--
-- $1 text customer
-- $2 text[] ids of the usages
--
-- Returns the id and the sum for each usage of which something was given back.
--
-- Plan note: `kind NOT IN …` is implied, but repeats the condition of the index `entries_by_reference`.
SELECT e.reference, sum(e.amount)
FROM entries e
WHERE e.customer_id = $1
  AND e.reference = ANY ($2)
  AND e.kind = /* REVERSAL */ 4
  AND e.kind NOT IN (/* CONSUMPTION */ 2, 3)
GROUP BY e.reference
