-- An order is completed exactly when money was applied to it, and credited what was applied less fee and tax. Where all
-- of it was reversed, its amounts are those of the application that was reversed last. What is payable is its amount
-- with what comes on top.
WITH applied AS (
    SELECT order_id, count(*) AS applications, count(*) FILTER (WHERE amount > fee + tax) AS credits,
           sum(amount - fee - tax) AS brought,
           coalesce(sum(amount - fee - tax) FILTER (WHERE reversed_at IS NULL),
                    (array_agg(amount - fee - tax ORDER BY reversed_at DESC, applied_at))[1]) AS net,
           coalesce(sum(amount) FILTER (WHERE reversed_at IS NULL),
                    (array_agg(amount ORDER BY reversed_at DESC, applied_at))[1]) AS gross
    FROM payment_applications WHERE order_id IS NOT NULL GROUP BY order_id
), moved AS (
    SELECT order_id, count(*) AS transfers, sum(amount) AS amount
    FROM transfers WHERE order_id IS NOT NULL GROUP BY order_id
), recharged AS (
    SELECT e.customer_id, e.reference, count(*) AS entries, sum(e.amount) AS amount
    FROM entries e WHERE e.kind = /* RECHARGE */ 1 GROUP BY e.customer_id, e.reference
), refunded AS (
    SELECT order_id, sum(amount - from_unapplied - from_wallet) AS amount
    FROM refunds WHERE status IN ('pending', 'succeeded') GROUP BY order_id
), judged AS (
    SELECT o.id, o.customer_id, o.status, o.status = 'completed' AS completed, o.credited_amount, o.refunded_amount,
           least(coalesce(f.amount, 0), coalesce(o.received_amount, 0)) AS refunded,
           CASE WHEN o.channel = 'balance' THEN coalesce(m.transfers, 0)
                ELSE coalesce(a.applications, 0) END AS proofs,
           CASE WHEN o.channel = 'balance' THEN coalesce(a.applications, 0)
                ELSE coalesce(m.transfers, 0) END AS misplaced,
           coalesce(a.credits, 0) AS credits, coalesce(a.brought, 0) AS brought,
           coalesce(a.net, 0) + coalesce(m.amount, 0) AS received, o.received_amount,
           coalesce(a.gross, 0) + coalesce(m.amount, 0) AS gross,
           coalesce(r.entries, 0) AS entries, coalesce(r.amount, 0) AS recharged,
           o.tax, o.tax_included, t.tax AS tax_due, t.included AS included_due, o.payable_amount,
           o.amount + o.tax + CASE WHEN o.fee_on_top THEN o.fee ELSE 0 END AS payable
    FROM top_up_orders o
    LEFT JOIN applied a ON a.order_id = o.id
    LEFT JOIN moved m ON m.order_id = o.id
    LEFT JOIN refunded f ON f.order_id = o.id
    -- As `Tax::of` of the service: of what is paid for credit and fee.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.inclusive THEN 0 ELSE pro_rata(b.base, b.rate, 100, b.exponent) END AS tax,
               CASE WHEN b.inclusive THEN pro_rata(b.base, b.rate, 100 + b.rate, b.exponent) ELSE 0 END AS included
        FROM (SELECT o.amount + CASE WHEN o.fee_on_top THEN o.fee ELSE 0 END AS base,
                     coalesce((o.tax_rule ->> 'rate_percent')::numeric, 0) AS rate,
                     coalesce((o.tax_rule ->> 'inclusive')::boolean, false) AS inclusive,
                     currency_exponent(o.currency) AS exponent) AS b
    ) AS t
    LEFT JOIN recharged r ON r.customer_id = o.customer_id AND r.reference = 'tuo_' || replace(o.id::text, '-', '')
)
SELECT v.rule, 'tuo_' || replace(j.id::text, '-', '') AS subject, j.customer_id AS customer, v.expected, v.found
FROM judged j
CROSS JOIN LATERAL (VALUES
    ('order_completed', NOT j.completed OR j.proofs > 0, 'money applied', 'completed with none'),
    ('order_not_completed', j.completed OR (j.proofs = 0 AND j.entries = 0), 'no money',
     j.status || ' with ' || j.proofs || ' applied, ' || j.entries || ' recharged'),
    ('order_channel', j.misplaced = 0, 'payments, or a transfer from the balance', j.misplaced || ' of the other sort'),
    ('order_credited', NOT j.completed OR j.proofs = 0 OR j.received = j.credited_amount,
     trim_scale(j.received)::text, trim_scale(j.credited_amount)::text),
    ('order_received', NOT j.completed OR j.proofs = 0 OR j.gross = j.received_amount,
     trim_scale(j.gross)::text, trim_scale(j.received_amount)::text),
    ('order_tax', (j.tax, j.tax_included) = (j.tax_due, j.included_due),
     trim_scale(j.tax_due) || ', ' || trim_scale(j.included_due) || ' included',
     trim_scale(j.tax) || ', ' || trim_scale(j.tax_included) || ' included'),
    ('order_payable', j.payable_amount = j.payable, trim_scale(j.payable)::text, trim_scale(j.payable_amount)::text),
    ('order_refunded', j.refunded_amount = j.refunded,
     trim_scale(j.refunded)::text, trim_scale(j.refunded_amount)::text),
    ('order_recharge_count', j.entries = j.credits, j.credits || ' entries', j.entries || ' entries'),
    ('order_recharge_amount', j.entries = 0 OR j.recharged = j.brought,
     trim_scale(j.brought)::text, trim_scale(j.recharged)::text)
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'recharge_without_order', 'wal_' || replace(e.wallet_id::text, '-', '') || ':' || e.seq, e.customer_id,
       'a payment applied to its order or to the wallet', coalesce(e.reference, 'no reference')
FROM entries e
WHERE e.kind = /* RECHARGE */ 1
  AND NOT EXISTS (SELECT FROM payment_applications a
                  WHERE a.customer_id = e.customer_id
                    AND 'pay_' || replace(a.payment_id::text, '-', '') || ':' || a.n = e.key
                    AND e.reference = coalesce('tuo_' || replace(a.order_id::text, '-', ''),
                                               'pay_' || replace(a.payment_id::text, '-', '')))
UNION ALL
SELECT 'second_operator', 'tuo_' || replace(p.order_id::text, '-', ''), o.customer_id,
       'approved by somebody other than ' || p.proposed_by, coalesce(p.approved_by, 'nobody')
FROM approvals p JOIN top_up_orders o ON o.id = p.order_id
WHERE p.second_needed AND (p.approved_by = p.proposed_by OR (p.approved_by IS NULL AND o.status = 'completed'))
UNION ALL
SELECT 'second_operator', 'rfd_' || replace(r.id::text, '-', ''), r.customer_id,
       'approved by somebody other than ' || r.proposed_by, coalesce(r.approved_by, 'nobody')
FROM refunds r
WHERE r.second_needed
  AND (r.approved_by = r.proposed_by OR (r.approved_by IS NULL AND r.status IN ('pending', 'succeeded')))
UNION ALL
SELECT 'second_operator', 'adj_' || replace(j.id::text, '-', ''), j.customer_id,
       'approved by somebody other than ' || j.proposed_by, coalesce(j.approved_by, 'nobody')
FROM adjustments j
WHERE j.second_needed AND (j.approved_by = j.proposed_by OR (j.approved_by IS NULL AND j.booked_at IS NOT NULL))
UNION ALL
SELECT 'second_operator', 'grt_' || replace(p.id::text, '-', ''), p.customer_id,
       'approved by somebody other than ' || p.proposed_by, coalesce(p.approved_by, 'nobody')
FROM grant_proposals p
WHERE p.approved_by = p.proposed_by
   OR (p.approved_by IS NULL AND EXISTS (SELECT FROM grants g WHERE g.customer_id = p.customer_id AND g.id = p.id))
UNION ALL
SELECT 'second_operator', 'gch_' || replace(c.id::text, '-', ''), c.customer_id,
       'approved by somebody other than ' || c.proposed_by, c.approved_by
FROM grant_changes c
WHERE c.approved_by = c.proposed_by
UNION ALL
SELECT 'order_bonus_once', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id, 'the only order with its bonus tier',
       'one of ' || o.orders
FROM (SELECT id, customer_id, count(*) OVER (PARTITION BY customer_id, bonus_tier_id) AS orders,
             row_number() OVER (PARTITION BY customer_id, bonus_tier_id ORDER BY created_at DESC, id DESC) AS n
      FROM top_up_orders
      WHERE bonus_once AND status IN ('pending', 'processing', 'completed')) AS o
WHERE o.orders > 1 AND o.n = 1
UNION ALL
SELECT 'order_bonus_first', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       'the only order with a bonus for the first top-up', 'one of ' || o.orders
FROM (SELECT id, customer_id, count(*) OVER (PARTITION BY customer_id) AS orders,
             row_number() OVER (PARTITION BY customer_id ORDER BY created_at DESC, id DESC) AS n
      FROM top_up_orders
      WHERE bonus_first AND status IN ('pending', 'processing', 'completed')) AS o
WHERE o.orders > 1 AND o.n = 1
