-- The entries in a range of a wallet that took from a grant, newest first.
--
-- $1 text customer
-- $2 uuid wallet
-- $3 uuid grant
-- $4 bigint the number of the first entry of the range
-- $5 bigint the number of its last entry
-- $6 bigint at most this many
--
-- Returns the number of each entry, and what it took of the grant.
--
-- Usage that took from this grant alone names it in its own row, which no index finds. So all entries of the range are
-- read: while a grant is active, nearly every entry uses it.
(
    SELECT e.seq, -e.granted AS used
    FROM entries e
    WHERE e.customer_id = $1 AND e.wallet_id = $2 AND e.seq >= $4 AND e.seq <= $5 AND e.grant_id = $3
    ORDER BY e.seq DESC
    LIMIT $6
)
UNION ALL
(
    SELECT u.seq, -u.amount
    FROM grant_uses u
    WHERE u.customer_id = $1 AND u.wallet_id = $2 AND u.grant_id = $3 AND u.seq >= $4 AND u.seq <= $5 AND u.amount < 0
    ORDER BY u.seq DESC
    LIMIT $6
)
ORDER BY seq DESC
LIMIT $6
