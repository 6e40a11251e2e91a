-- Deletes holds that are closed, and moves the mark to the latest expiry. What a captured hold charged is an entry
-- whose key is the hold's, so that the key charges nobody twice. If something of it was given back, the hold stays: it
-- says to which parts the rest must be given back.
--
-- $1 uuid[] id of each hold
-- $2 timestamptz the latest expiry among them
-- $3 text name of the mark
WITH gone AS (
    DELETE FROM holds h
    -- ARRAY and LIMIT force one index look-up per hold, however many there are.
    WHERE h.id = ANY (ARRAY (SELECT unnest($1)))
      AND h.status <> 'open'
      AND (SELECT true FROM entries r
           WHERE r.customer_id = h.customer_id AND r.kind = /* REVERSAL */ 4
             AND r.reference = 'hold_' || replace(h.id::text, '-', '')
           LIMIT 1) IS NULL
)
INSERT INTO worker_marks (worker, reached)
VALUES ($3, $2)
ON CONFLICT (worker) DO UPDATE SET reached = greatest(worker_marks.reached, excluded.reached)
