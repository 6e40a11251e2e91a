-- The folded days against the entries, and against each other.
WITH days AS (
    SELECT day, starts_at, lag(day) OVER (ORDER BY day) AS day_before, lag(ends_at) OVER (ORDER BY day) AS ended_before
    FROM report_days
), limits AS (
    SELECT array_agg(day ORDER BY day) AS days, array_agg(starts_at ORDER BY day) AS starts, max(ends_at) AS over
    FROM report_days
), applied AS (
    SELECT 'pay_' || replace(payment_id::text, '-', '') || ':' || n AS key, fee, tax, tax_included
    FROM payment_applications
), booked AS (
    SELECT l.days[width_bucket(e.created_at, l.starts)] AS day, w.currency, w.product, e.kind, e.counterpart,
           count(*) AS entries, sum(e.amount) AS amount, sum(coalesce(e.granted, 0)) AS granted,
           sum(coalesce(e.debt, 0)) AS debt, sum(coalesce(a.fee, 0)) AS fee, sum(coalesce(a.tax, 0)) AS tax,
           sum(coalesce(a.tax_included, 0)) AS tax_included
    FROM limits l
    JOIN entries e ON e.created_at < l.over
    JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    LEFT JOIN applied a ON e.kind = /* RECHARGE */ 1 AND a.key = e.key
    GROUP BY 1, 2, 3, 4, 5
), compared AS (
    SELECT concat_ws(' ', day, currency, nullif(product, ''), counterpart) || ' kind ' || kind AS subject,
           concat_ws(' ', b.entries, trim_scale(b.amount), trim_scale(b.granted), trim_scale(b.debt),
                     trim_scale(b.fee), trim_scale(b.tax), trim_scale(b.tax_included)) AS booked,
           concat_ws(' ', s.entries, trim_scale(s.amount), trim_scale(s.granted), trim_scale(s.debt),
                     trim_scale(s.fee), trim_scale(s.tax), trim_scale(s.tax_included)) AS folded
    FROM booked b
    FULL JOIN report_sums s USING (day, currency, product, kind, counterpart)
)
SELECT 'report_sums' AS rule, subject, NULL::text AS customer, booked AS expected, folded AS found
FROM compared
WHERE booked <> folded
UNION ALL
SELECT 'report_days', day::text, NULL, (day_before + 1) || ' from ' || ended_before, day || ' from ' || starts_at
FROM days
WHERE day_before IS NOT NULL AND (day <> day_before + 1 OR starts_at <> ended_before)
