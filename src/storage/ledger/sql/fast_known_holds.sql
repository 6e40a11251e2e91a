-- Finds the holds of a flush whose dedupe key already names a hold, or named one that was captured and is deleted.
--
-- Per hold:
-- $1 text[] customer
-- $2 text[] dedupe key
--
-- Returns the places (from 1) of the known ones.
--
-- Plan note: LIMIT forces one index look-up per item. Without it the planner may read every key of the table and join.
SELECT k.n::int4
FROM unnest($1, $2) WITH ORDINALITY AS k (customer_id, key, n)
WHERE (SELECT true FROM holds t
       WHERE t.customer_id = k.customer_id AND t.key = k.key
       LIMIT 1)
   OR (SELECT true FROM entries e
       WHERE e.key = k.key AND e.kind = /* CAPTURE */ 3 AND e.customer_id = k.customer_id
       LIMIT 1)
