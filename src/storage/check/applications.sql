-- Applications of payments against the orders that they completed, and against the entries that they made.
WITH applied AS (
    SELECT a.*, 'pay_' || replace(a.payment_id::text, '-', '') || ':' || a.n AS key,
           coalesce('tuo_' || replace(a.order_id::text, '-', ''), 'pay_' || replace(a.payment_id::text, '-', ''))
               AS reference,
           p.amount AS paid, p.provider <> 'bank' AND a.applied_by NOT LIKE 'operator:%' AS by_company,
           o.customer_id AS orderer, o.currency, o.product, o.payable_amount AS ordered, s.fee AS fee_share,
           s.tax AS tax_share, s.tax_included AS included_share
    FROM payment_applications a
    JOIN payments p ON p.id = a.payment_id
    LEFT JOIN top_up_orders o ON o.id = a.order_id
    -- What had been applied to the order before, and served it then.
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.amount), 0) AS amount
        FROM payment_applications e
        WHERE e.order_id = a.order_id AND (e.applied_at, e.payment_id, e.n) < (a.applied_at, a.payment_id, a.n)
          AND (e.reversed_at IS NULL OR e.reversed_at > a.applied_at)
    ) AS b
    -- As `Order::divide_further` of the service: the shares of all that has come, less the shares of what had come
    -- before. Each share is in proportion to the payable amount. If more than that came, the share is more than the
    -- whole fee or tax of the order. But `pro_rata` returns the whole once the part reaches the total. So the part is 1
    -- here, and the factor keeps the total above it.
    LEFT JOIN LATERAL (
        SELECT sum(t.sign * CASE WHEN t.total = o.payable_amount THEN o.fee
                                 ELSE pro_rata(o.fee * t.total * 1000000, 1, o.payable_amount * 1000000,
                                               currency_exponent(o.currency)) END) AS fee,
               sum(t.sign * CASE WHEN t.total = o.payable_amount THEN o.tax
                                 ELSE pro_rata(o.tax * t.total * 1000000, 1, o.payable_amount * 1000000,
                                               currency_exponent(o.currency)) END) AS tax,
               sum(t.sign * CASE WHEN t.total = o.payable_amount THEN o.tax_included
                                 ELSE pro_rata(o.tax_included * t.total * 1000000, 1, o.payable_amount * 1000000,
                                               currency_exponent(o.currency)) END) AS tax_included
        FROM (VALUES (1, b.amount + a.amount), (-1, b.amount)) AS t (sign, total)
    ) AS s ON true
), granted AS (
    SELECT customer_id, reference, sum(amount) AS amount, count(*) AS entries
    FROM entries WHERE kind = /* BONUS */ 12 GROUP BY customer_id, reference
)
SELECT v.rule, a.key AS subject, a.customer_id AS customer, v.expected, v.found
FROM applied a
LEFT JOIN wallets w ON w.customer_id = a.customer_id AND w.id = a.wallet_id
LEFT JOIN entries e ON e.customer_id = a.customer_id AND e.kind = /* RECHARGE */ 1 AND e.key = a.key
CROSS JOIN LATERAL (VALUES
    ('application_entry',
     a.amount = a.fee + a.tax
     OR (e.wallet_id, e.amount, e.reference) IS NOT DISTINCT FROM (a.wallet_id, a.amount - a.fee - a.tax, a.reference),
     trim_scale(a.amount - a.fee - a.tax) || ' for ' || a.reference || ' in wal_'
     || replace(a.wallet_id::text, '-', ''),
     coalesce(trim_scale(e.amount) || ' for ' || e.reference || ' in wal_' || replace(e.wallet_id::text, '-', ''),
              'no entry')),
    ('order_wallet',
     a.order_id IS NULL
     OR (a.orderer, a.currency, a.product) IS NOT DISTINCT FROM (w.customer_id, w.currency, w.product),
     concat_ws(' ', a.orderer, a.currency, a.product), concat_ws(' ', w.customer_id, w.currency, w.product)),
    ('order_price',
     a.order_id IS NULL
     OR (a.fee_share, a.tax_share, a.included_share) IS NOT DISTINCT FROM (a.fee, a.tax, a.tax_included),
     concat_ws(', ', 'fee ' || trim_scale(a.fee_share), 'tax ' || trim_scale(a.tax_share),
               trim_scale(a.included_share) || ' included'),
     concat_ws(', ', 'fee ' || trim_scale(a.fee), 'tax ' || trim_scale(a.tax),
               trim_scale(a.tax_included) || ' included')),
    ('payment_exact',
     a.order_id IS NULL OR NOT a.by_company OR (a.paid = a.amount AND a.ordered = a.amount),
     trim_scale(a.amount) || ' paid and ordered',
     trim_scale(a.paid) || ' paid, ' || trim_scale(a.ordered) || ' ordered')
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'order_bonus', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       coalesce(nullif(trim_scale(o.bonus), 0)::text, 'none') || CASE WHEN o.status = 'completed' THEN ''
                                                                    ELSE ' yet' END,
       coalesce(trim_scale(g.amount) || ' in ' || g.entries, 'no entry')
FROM top_up_orders o
LEFT JOIN granted g ON g.customer_id = o.customer_id AND g.reference = 'tuo_' || replace(o.id::text, '-', '')
WHERE o.channel <> 'balance'
  AND CASE WHEN o.status = 'completed' THEN g.amount IS DISTINCT FROM nullif(o.bonus, 0) OR g.entries > 1
           ELSE g.entries > 0 END
