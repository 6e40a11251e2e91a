-- The credit of a customer's grants that had expired at a moment and was written off only later: what is left of the
-- grants now, and what was written off since then, less what came back to them meanwhile. What a capture took later had
-- not lapsed, and neither had what a hold reserved at that moment, however the hold ended. So the answer stays the same
-- while holds are kept.
--
-- $1 text customer
-- $2 timestamptz the moment
-- $3 uuid[] wallets
-- $4 bigint[] how many entries each of them had then
--
-- Returns a wallet's id and the sum.
SELECT w.id, sum(l.amount - r.amount)
FROM unnest($3, $4) AS w (id, entries)
JOIN current_grants g ON g.customer_id = $1 AND g.wallet_id = w.id AND g.expires_at <= $2
CROSS JOIN LATERAL (
    SELECT g.remaining - coalesce(sum(u.amount), 0) AS amount
    FROM grant_uses u
    JOIN entries e ON e.customer_id = u.customer_id AND e.wallet_id = u.wallet_id AND e.seq = u.seq
    WHERE u.customer_id = $1 AND u.grant_id = g.id AND u.wallet_id = w.id AND u.seq > w.entries
      AND e.kind NOT IN (/* CONSUMPTION */ 2, 3)
) l
CROSS JOIN LATERAL (
    -- What holds reserved of the grant at that moment, less what their captures took: captures are in no sum here.
    SELECT coalesce(sum(p.amount + c.amount), 0) AS amount
    FROM holds h
    CROSS JOIN LATERAL (
        SELECT CASE WHEN h.grant_id = g.id THEN h.granted ELSE coalesce(sum((part ->> 'amount')::numeric), 0) END
        FROM jsonb_array_elements(h.grant_parts) AS part
        WHERE (part ->> 'grant_id')::uuid = g.id
    ) AS p (amount)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(u.amount), 0)
        FROM entries e
        JOIN all_grant_uses u ON u.customer_id = e.customer_id AND u.wallet_id = e.wallet_id AND u.seq = e.seq
        WHERE h.status = 'captured' AND e.customer_id = $1 AND e.key = h.key AND e.kind = /* CAPTURE */ 3
          AND u.grant_id = g.id
    ) AS c (amount)
    WHERE l.amount <> 0 AND h.customer_id = $1 AND h.wallet_id = w.id AND h.granted > 0 AND h.created_at <= $2
      -- A hold lives for seven days at most (`MAX_HOLD_LIFE`), so the index on its end finds the few.
      AND h.expires_at > $2 AND h.expires_at <= $2 + interval '7 days'
      AND (h.closed_at IS NULL OR h.closed_at > $2) AND p.amount > 0
) r
GROUP BY w.id
HAVING sum(l.amount - r.amount) <> 0
