-- The entries behind a figure: those of some wallets, in a period, of some kinds. Consumption is found by reading each
-- wallet's entries of the period, everything else by kind and time.
--
-- $1 text[] customers of the wallets
-- $2 uuid[] their ids
-- $3 bigint[] how many entries each has
-- $4 bigint the entries of the first wallet come after this number
-- $5 timestamptz the beginning
-- $6 timestamptz the end
-- $7 smallint[] kinds
-- $8 bool whether one of them is consumption
-- $9 text a regular expression that the counterpart matches, or null
-- $10 bigint at most this many entries
--
-- Returns the columns of `EntryRow`, in the order of the wallets.
SELECT w.n, e.seq, e.kind, e.amount, coalesce(e.granted, 0), coalesce(e.debt, 0), e.counterpart, e.key, e.reference,
       e.created_at
FROM (
    SELECT customer_id, id, n,
           CASE WHEN n = 1 THEN $4 ELSE 0 END AS after_seq,
           entries_before(customer_id, id, entry_seq, $5, 0, '00000000-0000-0000-0000-000000000000') AS before,
           entries_before(customer_id, id, entry_seq, $6, 0, '00000000-0000-0000-0000-000000000000') AS after
    FROM unnest($1, $2, $3) WITH ORDINALITY AS u (customer_id, id, entry_seq, n)
    OFFSET 0
) w
CROSS JOIN LATERAL (
    (SELECT seq, kind, amount, granted, debt, counterpart, key, reference, created_at
     FROM entries
     WHERE $8 AND customer_id = w.customer_id AND wallet_id = w.id AND seq > greatest(w.before, w.after_seq)
       AND seq <= w.after AND coalesce(kind, 0::smallint) = ANY ($7)
       AND ($9::text IS NULL OR counterpart ~ $9)
     ORDER BY seq
     LIMIT $10)
    UNION ALL
    (SELECT e.seq, e.kind, e.amount, e.granted, e.debt, e.counterpart, e.key, e.reference, e.created_at
     FROM unnest($7) AS k (kind)
     CROSS JOIN LATERAL (
         SELECT *
         FROM entries
         WHERE NOT $8 AND customer_id = w.customer_id AND kind = k.kind AND kind NOT IN (/* CONSUMPTION */ 2, 3)
           AND created_at >= $5 AND created_at < $6
         OFFSET 0
     ) e
     WHERE e.wallet_id = w.id AND e.seq > w.after_seq AND ($9::text IS NULL OR e.counterpart ~ $9))
) e
ORDER BY w.n, e.seq
LIMIT $10
