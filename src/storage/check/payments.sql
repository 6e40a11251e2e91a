-- Payments against their applications and refunds.
WITH applied AS (
    SELECT payment_id, sum(amount) AS amount FROM payment_applications WHERE reversed_at IS NULL GROUP BY payment_id
), refunded AS (
    SELECT payment_id, sum(amount) AS amount, sum(from_unapplied) AS unapplied
    FROM refunds WHERE status IN ('pending', 'succeeded') GROUP BY payment_id
), disputed AS (
    SELECT payment_id, sum(from_unapplied) AS unapplied
    FROM disputes WHERE status IN ('open', 'lost') GROUP BY payment_id
)
SELECT v.rule, 'pay_' || replace(p.id::text, '-', '') AS subject, NULL::text AS customer, v.expected, v.found
FROM payments p
LEFT JOIN applied a ON a.payment_id = p.id
LEFT JOIN refunded r ON r.payment_id = p.id
LEFT JOIN disputed d ON d.payment_id = p.id
CROSS JOIN LATERAL (VALUES
    ('payment_applied', p.applied = coalesce(a.amount, 0),
     trim_scale(coalesce(a.amount, 0))::text, trim_scale(p.applied)::text),
    ('payment_refunded', p.refunded = coalesce(r.amount, 0),
     trim_scale(coalesce(r.amount, 0))::text, trim_scale(p.refunded)::text),
    ('payment_unapplied',
     p.unapplied_taken = least(coalesce(r.unapplied, 0) + coalesce(d.unapplied, 0), p.amount - p.applied),
     trim_scale(least(coalesce(r.unapplied, 0) + coalesce(d.unapplied, 0), p.amount - p.applied))::text,
     trim_scale(p.unapplied_taken)::text),
    ('payment_within', greatest(p.applied, p.refunded, a.amount, r.amount) <= p.amount,
     'at most ' || trim_scale(p.amount), trim_scale(greatest(p.applied, p.refunded, a.amount, r.amount))::text),
    ('payment_reason', p.applied = p.amount OR p.unapplied_reason IS NOT NULL, 'a reason', 'none, with '
     || trim_scale(p.amount - p.applied) || ' unapplied')
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'application_wallet', 'pay_' || replace(a.payment_id::text, '-', '') || ':' || a.n, a.customer_id,
       'a wallet in ' || p.currency, coalesce(w.currency, 'no such wallet')
FROM payment_applications a
JOIN payments p ON p.id = a.payment_id
LEFT JOIN wallets w ON w.customer_id = a.customer_id AND w.id = a.wallet_id
WHERE w.currency IS DISTINCT FROM p.currency
