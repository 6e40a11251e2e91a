-- What a customer's entries moved in a period: a sum for each wallet and kind. Consumption is left out,
-- because no index by time contains it.
--
-- $1 smallint[] kinds
-- $2 text customer
-- $3 timestamptz the beginning
-- $4 timestamptz the end
--
-- Returns for each: the wallet, the kind, whether the transfers paid orders, how many entries, and their sum.
SELECT e.wallet_id, k.kind, coalesce(k.kind = /* TRANSFER_IN */ 7 AND starts_with(e.reference, 'tuo_'), false),
       count(*), sum(e.amount)
FROM unnest($1) AS k (kind)
CROSS JOIN LATERAL (
    SELECT wallet_id, amount, reference
    FROM entries
    WHERE customer_id = $2
      AND kind = k.kind
      AND kind NOT IN (/* CONSUMPTION */ 2, 3)
      AND created_at >= $3
      AND created_at < $4
    OFFSET 0
) e
GROUP BY 1, 2, 3
