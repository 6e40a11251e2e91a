-- Sums what was consumed from a locked wallet since a moment, and what the main wallet paid for its product, less what
-- was given back.
--
-- $1 bigint the wallet's last entry number
-- $2 timestamptz since when
-- $3 text customer
-- $4 uuid wallet id
-- $5 numeric the wallet's balance now
-- $6 text counterpart of usage of this product that the main wallet paid; matches nothing for the main wallet
-- $7 text currency
--
-- Returns the sum.
--
-- consumed = balance then - balance now + sum of all other entries since. The balance then is that of the last entry
-- before $2, which is found by binary search: entries are numbered in the order of time. Entries of other kinds are
-- rare, unlike consumption, and indexed by time. Reversals of consumption before $2 belong to them; other reversals
-- lower the sum. What the main wallet paid for the product is counted one by one.
WITH RECURSIVE halves (low, high) AS (
    SELECT 0::bigint, $1 + 1
    UNION ALL
    SELECT CASE WHEN e.created_at < $2 THEN h.middle ELSE h.low END,
           CASE WHEN e.created_at < $2 THEN h.high ELSE h.middle END
    FROM (SELECT low, high, (low + high) / 2 AS middle FROM halves WHERE high - low > 1) h
    JOIN entries e ON e.customer_id = $3 AND e.wallet_id = $4 AND e.seq = h.middle
), last AS (
    SELECT low FROM halves WHERE high - low = 1
)
SELECT greatest(
    0,
    coalesce((
        SELECT balance_after
        FROM entries, last
        WHERE customer_id = $3 AND wallet_id = $4 AND seq = last.low
    ), 0)
    - $5
    + coalesce((
        SELECT sum(amount)
        FROM entries, last
        WHERE customer_id = $3
          AND kind = ANY (/* OTHER_THAN_SPENDING */ '{1,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22}')
          AND created_at >= $2
          AND wallet_id = $4
          AND seq > last.low
    ), 0)
    + coalesce((
        SELECT sum(r.amount)
        FROM entries r, last
        WHERE r.customer_id = $3
          AND r.kind = /* REVERSAL */ 4
          AND r.created_at >= $2
          AND r.wallet_id = $4
          AND r.seq > last.low
          AND coalesce(
              (SELECT o.created_at FROM entries o
               WHERE o.customer_id = $3 AND o.kind = /* USAGE */ 2 AND o.key = r.reference),
              (SELECT o.created_at
               FROM holds h
               JOIN entries o ON o.customer_id = h.customer_id AND o.kind = /* CAPTURE */ 3 AND o.key = h.key
               WHERE h.id = CASE WHEN r.reference ~ '^hold_[0-9a-f]{32}$' THEN substr(r.reference, 6)::uuid END
                 AND h.customer_id = $3)
          ) < $2
    ), 0)
) + coalesce((
    SELECT sum(-u.amount - coalesce((
        SELECT sum(r.amount)
        FROM entries r
        WHERE r.customer_id = $3
          AND r.kind = /* REVERSAL */ 4
          AND r.reference = u.key
          AND r.wallet_id = u.wallet_id
    ), 0))
    FROM entries u
    WHERE u.customer_id = $3
      AND u.kind = /* USAGE */ 2
      AND u.counterpart <> 'usage'
      AND u.counterpart = $6
      AND u.created_at >= $2
      AND u.wallet_id = (SELECT id FROM wallets WHERE customer_id = $3 AND currency = $7 AND product = '')
), 0)
