-- The folded days against the entries and the papers, and against each other.
WITH days AS (
    SELECT day, starts_at, lag(day) OVER (ORDER BY day) AS day_before, lag(ends_at) OVER (ORDER BY day) AS ended_before
    FROM report_days
), limits AS (
    SELECT array_agg(day ORDER BY day) AS days, array_agg(starts_at ORDER BY day) AS starts, max(ends_at) AS over
    FROM report_days
), moved AS (
    SELECT e.created_at AS at, w.currency::text, w.product::text, e.kind::smallint, e.counterpart::text, 1 AS entries,
           e.amount, coalesce(e.granted, 0) AS granted, coalesce(e.debt, 0) AS debt, 0 AS fee, 0 AS tax,
           0 AS tax_included
    FROM entries e
    JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    UNION ALL
    SELECT happened_at, currency::text, product::text, kind, counterpart, 0, 0, 0, 0, fee, tax, tax_included
    FROM reported_papers
), booked AS (
    SELECT l.days[width_bucket(m.at, l.starts)] AS day, m.currency, m.product, m.kind, m.counterpart,
           sum(m.entries) AS entries, sum(m.amount) AS amount, sum(m.granted) AS granted, sum(m.debt) AS debt,
           sum(m.fee) AS fee, sum(m.tax) AS tax, sum(m.tax_included) AS tax_included
    FROM limits l
    JOIN moved m ON m.at < l.over
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
