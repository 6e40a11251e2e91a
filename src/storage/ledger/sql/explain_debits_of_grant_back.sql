-- As `explain_debits_of_grant.sql`, read backwards: the entries in a range of a wallet that took from a grant, oldest
-- first.
--
-- $1 text customer
-- $2 uuid wallet
-- $3 uuid grant
-- $4 bigint the number of the first entry of the range
-- $5 bigint the number of its last entry
-- $6 bigint at most this many
--
-- Returns the number of each entry, and what it took of the grant.
(
    SELECT e.seq, -e.granted AS used
    FROM entries e
    WHERE e.customer_id = $1 AND e.wallet_id = $2 AND e.seq >= $4 AND e.seq <= $5 AND e.grant_id = $3
    ORDER BY e.seq
    LIMIT $6
)
UNION ALL
(
    SELECT u.seq, -u.amount
    FROM grant_uses u
    WHERE u.customer_id = $1 AND u.wallet_id = $2 AND u.grant_id = $3 AND u.seq >= $4 AND u.seq <= $5 AND u.amount < 0
    ORDER BY u.seq
    LIMIT $6
)
ORDER BY seq
LIMIT $6
