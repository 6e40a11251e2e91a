-- The folded usage against the entries, by the keys that were named when its day was folded. Labels can be personal, so
-- rows are named by a digest of them.
WITH limits AS (
    SELECT array_agg(day ORDER BY day) AS days, array_agg(starts_at ORDER BY day) AS starts, max(ends_at) AS over
    FROM report_days
), booked AS (
    SELECT e.customer_id, d.day, w.currency, usage_product(e.counterpart, w.product) AS product,
           usage_labels(e.metadata, d.usage_keys) AS labels,
           count(*) FILTER (WHERE e.kind IN (/* CONSUMPTION */ 2, 3)) AS uses,
           coalesce(sum(-e.amount) FILTER (WHERE e.kind IN (/* CONSUMPTION */ 2, 3)), 0) AS amount,
           count(*) FILTER (WHERE e.kind = /* REVERSAL */ 4) AS reversals,
           coalesce(sum(e.amount) FILTER (WHERE e.kind = /* REVERSAL */ 4), 0) AS reversed
    FROM limits l
    JOIN entries e ON e.created_at < l.over AND e.kind IN (/* SPENDING */ 2, 3, 4)
    JOIN report_days d ON d.day = l.days[width_bucket(e.created_at, l.starts)]
    JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    GROUP BY 1, 2, 3, 4, 5
), compared AS (
    SELECT customer_id,
           concat_ws(' ', day, currency, nullif(product, ''), 'labels ' || left(md5(nullif(labels, '{}')::text), 8))
               AS subject,
           concat_ws(' ', b.uses, trim_scale(b.amount), b.reversals, trim_scale(b.reversed)) AS booked,
           concat_ws(' ', s.uses, trim_scale(s.amount), s.reversals, trim_scale(s.reversed)) AS folded
    FROM booked b
    FULL JOIN usage_sums s USING (customer_id, day, currency, product, labels)
)
SELECT 'usage_sums' AS rule, subject, customer_id AS customer, booked AS expected, folded AS found
FROM compared
WHERE booked <> folded
