-- The credit of a customer's grants that had expired at a moment and was written off only later: what is left of the
-- grants now, and what was written off since, less what came back to them meanwhile. What a hold reserved, and a
-- capture took, had not lapsed.
--
-- $1 text customer
-- $2 timestamptz the moment
-- $3 uuid[] wallets
-- $4 bigint[] how many entries each of them had then
--
-- Returns a wallet's id and the sum.
SELECT w.id, sum(g.remaining - g.held - u.amount)
FROM unnest($3, $4) AS w (id, entries)
JOIN current_grants g ON g.customer_id = $1 AND g.wallet_id = w.id AND g.expires_at <= $2
CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.amount), 0) AS amount
    FROM grant_uses u
    JOIN entries e ON e.customer_id = u.customer_id AND e.wallet_id = u.wallet_id AND e.seq = u.seq
    WHERE u.customer_id = $1 AND u.grant_id = g.id AND u.wallet_id = w.id AND u.seq > w.entries
      AND e.kind NOT IN (/* CONSUMPTION */ 2, 3)
) u
GROUP BY w.id
HAVING sum(g.remaining - g.held - u.amount) <> 0
