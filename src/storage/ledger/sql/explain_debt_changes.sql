-- Reads the changes of debt in an episode, and the first change after it, which may have ended the episode.
--
-- $1 text customer
-- $2 uuid wallet id
-- $3 numeric how much paid money had come in before the episode
-- $4 bigint at most this many changes
--
-- Returns seq, kind, key, reference and debt of each entry, and how much paid money had come in before it (for an entry
-- that repaid debt). In the order of the entries.
--
-- While there is debt, paid_in does not change, so an episode's entries share one value of it. The condition on the
-- first branch leaves out the entry that ended the episode before.
SELECT seq, kind, key, reference, debt, before
FROM (
    (
        SELECT e.seq, e.kind, e.key, e.reference, e.debt,
               e.paid_in - CASE WHEN e.debt < 0 THEN e.amount - coalesce(e.granted, 0) + e.debt ELSE 0 END AS before
        FROM entries e
        WHERE e.debt IS NOT NULL
          AND e.customer_id = $1
          AND e.wallet_id = $2
          AND e.paid_in = $3
          AND (e.debt > 0 OR e.amount + e.debt = coalesce(e.granted, 0))
        ORDER BY e.paid_in, e.seq
        LIMIT $4
    )
    UNION ALL
    (
        SELECT e.seq, e.kind, e.key, e.reference, e.debt,
               e.paid_in - CASE WHEN e.debt < 0 THEN e.amount - coalesce(e.granted, 0) + e.debt ELSE 0 END AS before
        FROM entries e
        WHERE e.debt IS NOT NULL
          AND e.customer_id = $1
          AND e.wallet_id = $2
          AND e.paid_in > $3
        ORDER BY e.paid_in, e.seq
        LIMIT 1
    )
) AS changes
ORDER BY seq
