-- Reads events of the feed within a range of numbers, the oldest first.
--
-- $1 bigint after this number
-- $2 bigint up to this number
-- $3 text[] only these types; empty: all
-- $4 text only events of this customer; null: of all customers
-- $5 text the service that reads; null: an operator
-- $6 bigint at most this many
--
-- Returns the columns of `EventRow`.
SELECT e.customer_id, e.position, e.sequence, e.number, e.id, e.type, e.noun, e.data, e.created_at
FROM events e
WHERE e.number > $1
  AND e.number <= $2
  AND (cardinality($3) = 0 OR e.type = ANY ($3))
  AND ($4 IS NULL OR e.customer_id = $4)
  AND ($5 IS NULL OR e.owner IS NULL OR e.owner = $5)
ORDER BY e.number
LIMIT $6
