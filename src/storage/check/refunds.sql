-- Refunds and disputes against the entries that they made. Where disputed money was refunded too, one of them gave
-- for both, so what must have come back is judged by the order: nothing in force, nothing given.
WITH moved AS (
    SELECT customer_id, key,
           -sum(amount) FILTER (WHERE kind IN (/* REFUNDS */ 5, 6)) AS refund,
           -sum(amount) FILTER (WHERE kind IN (/* DISPUTES */ 15, 16)) AS dispute,
           -sum(amount) FILTER (WHERE kind IN (/* BONUS_TAKE_BACKS */ 13, 14)) AS bonus
    FROM entries WHERE kind IN (/* TAKE_BACKS */ 5, 6, 13, 14, 15, 16) GROUP BY customer_id, key
), records AS (
    SELECT 'refund' AS what, 'rfd_' || replace(id::text, '-', '') AS shown, customer_id, order_id, debited AS given,
           bonus_taken, status IN ('pending', 'succeeded') AS in_force
    FROM refunds
    UNION ALL
    SELECT 'dispute', 'dsp_' || replace(id::text, '-', ''), customer_id, order_id, taken_back, bonus_taken,
           status <> 'won'
    FROM disputes
), of_order AS (
    SELECT order_id, bool_or(in_force) AS in_force, sum(given) AS given, sum(bonus_taken) AS bonus
    FROM records WHERE order_id IS NOT NULL GROUP BY order_id
)
SELECT v.rule, r.shown AS subject, r.customer_id AS customer,
       trim_scale(v.expected)::text AS expected, trim_scale(v.found)::text AS found
FROM records r
LEFT JOIN moved m ON m.customer_id = r.customer_id AND m.key = r.shown
CROSS JOIN LATERAL (VALUES
    (CASE r.what WHEN 'refund' THEN 'refund_debited' ELSE 'dispute_taken_back' END,
     coalesce(CASE r.what WHEN 'refund' THEN m.refund ELSE m.dispute END, 0), r.given),
    (CASE r.what WHEN 'refund' THEN 'refund_bonus' ELSE 'dispute_bonus' END, coalesce(m.bonus, 0), r.bonus_taken)
) AS v (rule, expected, found)
WHERE v.expected <> v.found
UNION ALL
SELECT 'given_back', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id, '0', trim_scale(g.given + g.bonus)::text
FROM of_order g JOIN top_up_orders o ON o.id = g.order_id
WHERE NOT g.in_force AND (g.given <> 0 OR g.bonus <> 0)
UNION ALL
SELECT 'refund_entry_without_refund', 'wal_' || replace(e.wallet_id::text, '-', '') || ':' || e.seq, e.customer_id,
       'a refund or dispute', e.key
FROM entries e
WHERE e.kind IN (/* TAKE_BACKS */ 5, 6, 13, 14, 15, 16)
  AND NOT EXISTS (SELECT FROM records r WHERE r.customer_id = e.customer_id AND r.shown = e.key
                  AND (e.kind IN (/* BONUS_TAKE_BACKS */ 13, 14)
                       OR (r.what = 'refund') = (e.kind IN (/* REFUNDS */ 5, 6))))
  -- A reversed approval takes the bonus back, too.
  AND NOT (e.kind = /* BONUS_REVOKED */ 13 AND EXISTS (SELECT FROM adjustments j WHERE j.customer_id = e.customer_id
           AND j.order_id IS NOT NULL AND 'adj_' || replace(j.id::text, '-', '') = e.key))
