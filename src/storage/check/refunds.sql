-- Refunds, disputes and reversed approvals (the sources) against the movements that they made and what they claim, and
-- the movements against their entries. If disputed money was refunded too, one of the two asks for both, so the sum of
-- what they ask for is checked for each order, and for each payment that went to a wallet without an order.
WITH records AS (
    SELECT 'refund' AS what, 'rfd_' || replace(id::text, '-', '') AS source, customer_id, order_id, payment_id,
           debited AS money, wallet_taken AS wallet_money, bonus_taken AS bonus,
           CASE WHEN status IN ('pending', 'succeeded')
                THEN amount - from_unapplied - from_wallet ELSE 0 END AS returned,
           CASE WHEN status IN ('pending', 'succeeded') THEN from_wallet ELSE 0 END AS of_wallet
    FROM refunds
    UNION ALL
    SELECT 'dispute', 'dsp_' || replace(id::text, '-', ''), customer_id, order_id, payment_id, taken_back, wallet_taken,
           bonus_taken,
           CASE WHEN status <> 'won' AND charged THEN amount - from_unapplied - from_wallet ELSE 0 END,
           CASE WHEN status <> 'won' AND charged THEN from_wallet ELSE 0 END
    FROM disputes
    UNION ALL
    SELECT 'reversal', 'adj_' || replace(id::text, '-', ''), customer_id, order_id, NULL, -amount, 0, NULL, NULL, NULL
    FROM adjustments WHERE order_id IS NOT NULL AND booked_at IS NOT NULL
), open AS (
    SELECT source, customer_id,
           sum(amount) FILTER (WHERE part = 'money') AS money,
           sum(amount) FILTER (WHERE part = 'wallet_money') AS wallet_money,
           sum(amount) FILTER (WHERE part IN ('bonus_money', 'bonus')) AS bonus
    FROM (SELECT source, customer_id, part, taken - given_back AS amount FROM take_backs
          UNION ALL
          SELECT source, customer_id, part, amount FROM taken_back_debts) AS both_of_them
    GROUP BY source, customer_id
), expired AS (
    SELECT g.customer_id, g.order_id, -sum(u.amount) AS amount
    FROM grants g
    JOIN grant_uses u ON u.customer_id = g.customer_id AND u.grant_id = g.id
    JOIN entries e ON e.customer_id = u.customer_id AND e.wallet_id = u.wallet_id AND e.seq = u.seq
    WHERE g.order_id IS NOT NULL AND e.kind = /* EXPIRE */ 10
    GROUP BY g.customer_id, g.order_id
), of_order AS (
    SELECT o.id, o.customer_id, r.money, r.bonus, coalesce(x.amount, 0) AS expired,
           pro_rata(o.credited_amount, r.returned, a.returnable, currency_exponent(o.currency)) AS money_share,
           pro_rata(o.bonus, r.returned, a.returnable, currency_exponent(o.currency)) AS bonus_share
    FROM (SELECT order_id, sum(money) AS money, sum(bonus) AS bonus, sum(returned) AS returned
          FROM records WHERE order_id IS NOT NULL AND returned IS NOT NULL GROUP BY order_id) AS r
    JOIN top_up_orders o ON o.id = r.order_id
    CROSS JOIN LATERAL (SELECT CASE WHEN o.fee_refundable THEN o.received_amount
                                    ELSE o.received_amount - coalesce(sum(p.fee)
                                        + pro_rata(sum(p.tax), sum(p.fee), sum(p.amount - p.tax),
                                                   currency_exponent(o.currency)), 0) END
                        FROM payment_applications p
                        WHERE p.order_id = o.id AND p.reversed_at IS NULL) AS a (returnable)
    LEFT JOIN expired x ON x.customer_id = o.customer_id AND x.order_id = o.id
    WHERE o.received_amount IS NOT NULL
), credited AS (
    SELECT DISTINCT ON (payment_id) payment_id, customer_id,
           sum(amount) OVER (PARTITION BY payment_id, customer_id) AS amount
    FROM payment_applications
    WHERE order_id IS NULL AND reversed_at IS NULL
    ORDER BY payment_id, n DESC
), of_payment AS (
    SELECT r.payment_id, r.customer_id, r.money, least(r.asked, coalesce(c.amount, 0)) AS asked
    FROM (SELECT payment_id, max(customer_id) FILTER (WHERE wallet_money > 0 OR of_wallet > 0) AS customer_id,
                 sum(wallet_money) AS money, sum(of_wallet) AS asked
          FROM records WHERE payment_id IS NOT NULL GROUP BY payment_id) AS r
    LEFT JOIN credited c ON c.payment_id = r.payment_id
), booked AS (
    SELECT customer_id, wallet_id, seq, kind, key, reference, amount,
           split_part(key, ':', 1) AS source, nullif(split_part(key, ':', 2), '') AS n,
           split_part(key, ':', 3) <> '' AS is_return
    FROM entries
    WHERE kind IN (/* TAKE_BACKS */ 5, 6, 13, 14, 15, 16, 17, 18)
       OR kind = /* ADJUST */ 11 AND reference LIKE 'tuo_%' AND key LIKE 'adj_%'
), by_movement AS (
    SELECT b.customer_id, b.wallet_id, b.source, b.n,
           -sum(b.amount) FILTER (WHERE NOT b.is_return) AS taken, sum(b.amount) FILTER (WHERE b.is_return) AS returned,
           count(*) FILTER (WHERE b.is_return) AS returns,
           string_agg(DISTINCT k.kind, '+') FILTER (WHERE NOT b.is_return) AS kinds
    FROM booked b
    CROSS JOIN LATERAL (SELECT CASE WHEN b.kind = /* BONUS_TAKEN */ 17 THEN 'bonus_money'
                                    WHEN b.kind = /* BONUS_REVOKED */ 13 THEN 'bonus'
                                    WHEN b.reference LIKE 'pay_%' THEN 'wallet_money' ELSE 'money' END) AS k (kind)
    GROUP BY b.customer_id, b.wallet_id, b.source, b.n
)
SELECT v.rule, r.source AS subject, r.customer_id AS customer,
       trim_scale(v.expected)::text AS expected, trim_scale(v.found)::text AS found
FROM records r
LEFT JOIN open m ON m.customer_id = r.customer_id AND m.source = r.source
CROSS JOIN LATERAL (VALUES
    (CASE r.what WHEN 'refund' THEN 'refund_debited' WHEN 'dispute' THEN 'dispute_taken_back'
          ELSE 'reversal_taken_back' END, coalesce(m.money, 0), r.money),
    (CASE r.what WHEN 'refund' THEN 'refund_bonus' ELSE 'dispute_bonus' END,
     coalesce(m.bonus, 0), coalesce(r.bonus, m.bonus, 0)),
    (CASE r.what WHEN 'refund' THEN 'refund_wallet_taken' ELSE 'dispute_wallet_taken' END,
     coalesce(m.wallet_money, 0), r.wallet_money)
) AS v (rule, expected, found)
WHERE v.expected <> v.found
UNION ALL
SELECT v.rule, 'tuo_' || replace(g.id::text, '-', ''), g.customer_id, v.expected, trim_scale(v.found)::text
FROM of_order g
CROSS JOIN LATERAL (VALUES
    ('given_back', g.money = g.money_share, trim_scale(g.money_share)::text, g.money),
    ('bonus_share', g.bonus BETWEEN greatest(g.bonus_share - g.expired, 0) AND g.bonus_share,
     trim_scale(g.bonus_share) || ', less what expired', g.bonus)
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'given_back_of_wallet', 'pay_' || replace(p.payment_id::text, '-', ''), p.customer_id,
       trim_scale(p.asked)::text, trim_scale(p.money)::text
FROM of_payment p
WHERE p.money <> p.asked
UNION ALL
SELECT v.rule, t.source || ':' || t.n, t.customer_id, v.expected, v.found
FROM take_backs t
LEFT JOIN by_movement b ON b.customer_id = t.customer_id AND b.wallet_id = t.wallet_id AND b.source = t.source
    AND b.n = t.n::text
CROSS JOIN LATERAL (VALUES
    ('take_back_entry', b.taken IS NOT DISTINCT FROM t.taken AND b.kinds = t.part,
     trim_scale(b.taken) || ' of ' || b.kinds, trim_scale(t.taken) || ' of ' || t.part),
    ('take_back_returned', coalesce(b.returned, 0) = t.given_back AND coalesce(b.returns, 0) = t.returns,
     trim_scale(coalesce(b.returned, 0))::text, trim_scale(t.given_back)::text)
) AS v (rule, agrees, expected, found)
WHERE v.agrees IS DISTINCT FROM true
UNION ALL
SELECT 'take_back_without_source', t.source, t.customer_id, 'a refund, a dispute or a reversed approval', t.what
FROM (SELECT source, customer_id, order_id, payment_id, 'movements' AS what FROM take_backs
      UNION
      SELECT source, customer_id, order_id, payment_id, 'a claim' FROM taken_back_debts) AS t
WHERE NOT EXISTS (SELECT FROM records r WHERE r.source = t.source AND r.customer_id = t.customer_id
                  AND (r.order_id = t.order_id OR r.payment_id = t.payment_id))
UNION ALL
SELECT 'refund_entry_without_refund', 'wal_' || replace(b.wallet_id::text, '-', '') || ':' || b.seq, b.customer_id,
       'a movement of a refund, a dispute or a reversed approval', b.key
FROM booked b
WHERE NOT EXISTS (SELECT FROM take_backs t WHERE t.customer_id = b.customer_id AND t.source = b.source
                  AND t.n::text = b.n
                  AND b.reference = coalesce('tuo_' || replace(t.order_id::text, '-', ''),
                                             'pay_' || replace(t.payment_id::text, '-', '')))
