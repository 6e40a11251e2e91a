-- The entries that took from a grant and are numbered below a limit, newest first.
--
-- $1 text customer
-- $2 uuid grant
-- $3 bigint only entries with a lower number
-- $4 bigint at most this many
--
-- Returns the wallet, the number of each entry, and what it took of the grant.
--
-- Usage that took from this grant alone says so in its own row, which no index finds. So the wallet's entries are
-- walked down, from the last one that can have used the grant to the one that opened it: while a grant is the active
-- one, nearly every entry uses it.
WITH g AS MATERIALIZED (
    SELECT g.customer_id, g.wallet_id,
           least($3 - 1, CASE WHEN w.active_grant = g.id THEN w.entry_seq ELSE g.used_to END) AS last,
           (SELECT min(u.seq) FROM grant_uses u WHERE u.customer_id = g.customer_id AND u.grant_id = g.id) AS opened
    FROM grants g
    JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
    WHERE g.customer_id = $1 AND g.id = $2
)
(
    SELECT e.wallet_id, e.seq, -e.granted AS used
    FROM g
    CROSS JOIN LATERAL (
        SELECT *
        FROM entries e
        WHERE e.customer_id = g.customer_id AND e.wallet_id = g.wallet_id AND e.seq > g.opened AND e.seq <= g.last
          AND e.grant_id = $2
        ORDER BY e.seq DESC
        LIMIT $4
    ) AS e
)
UNION ALL
(
    SELECT u.wallet_id, u.seq, -u.amount
    FROM grant_uses u
    WHERE u.customer_id = $1 AND u.grant_id = $2 AND u.seq < $3 AND u.amount < 0
    ORDER BY u.seq DESC
    LIMIT $4
)
ORDER BY seq DESC
LIMIT $4
