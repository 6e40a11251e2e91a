-- Papers: their numbers, what they are for, and their figures.
WITH counted AS (
    SELECT series, year, count(*) AS papers, max(number) AS highest, min(number) AS lowest
    FROM papers
    GROUP BY series, year
), sources AS (
    SELECT 'tuo_' || replace(id::text, '-', '') AS source, customer_id, received_amount AS amount
    FROM top_up_orders
    WHERE status = 'completed' AND channel <> 'balance'
    UNION ALL
    -- Where a lost dispute was credited, too, the papers are over the same money once.
    SELECT 'rfd_' || replace(id::text, '-', ''), customer_id, amount - from_unapplied - from_wallet
    FROM refunds r
    WHERE status = 'succeeded' AND order_id IS NOT NULL AND amount > from_unapplied + from_wallet
      AND NOT EXISTS (SELECT FROM papers p WHERE p.order_id = r.order_id AND p.source LIKE 'dsp\_%')
    UNION ALL
    -- One beside others can get another share of the payment later.
    SELECT 'dsp_' || replace(id::text, '-', ''), customer_id, amount - from_unapplied - from_wallet
    FROM disputes d
    WHERE status = 'lost' AND order_id IS NOT NULL AND amount > from_unapplied + from_wallet
      AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = d.payment_id)
      AND NOT EXISTS (SELECT FROM disputes o WHERE o.payment_id = d.payment_id AND o.id <> d.id)
    UNION ALL
    SELECT 'adj_' || replace(id::text, '-', ''), customer_id, NULL
    FROM adjustments
    WHERE booked_at IS NOT NULL AND order_id IS NOT NULL
), returned AS (
    SELECT p.order_id, sum(s.sign * p.amount) AS amount, sum(s.sign * p.credited) AS credited,
           sum(s.sign * p.fee) AS fee, sum(s.sign * p.tax) AS tax, sum(s.sign * p.tax_included) AS tax_included
    FROM papers p
    CROSS JOIN LATERAL (SELECT CASE p.kind WHEN 'credit_note' THEN 1 ELSE -1 END) AS s (sign)
    WHERE p.kind <> 'receipt'
    GROUP BY p.order_id
)
SELECT 'paper_numbers' AS rule, coalesce(n.series, c.series) || '-' || coalesce(n.year, c.year) AS subject,
       NULL::text AS customer, '1 to ' || coalesce(n.last, 0) AS expected,
       coalesce(c.papers, 0) || ' papers, ' || coalesce(c.lowest, 0) || ' to ' || coalesce(c.highest, 0) AS found
FROM paper_numbers n
FULL JOIN counted c USING (series, year)
WHERE (n.last = c.papers AND n.last = c.highest AND c.lowest = 1) IS NOT TRUE
UNION ALL
SELECT 'paper_of_each', s.source, s.customer_id, 'a paper, or one that is due', 'none'
FROM sources s
WHERE NOT EXISTS (SELECT FROM papers p WHERE p.source = s.source)
  AND NOT EXISTS (SELECT FROM papers_due d WHERE d.source = s.source)
UNION ALL
SELECT 'paper_issued', d.source, o.customer_id, 'issued', d.failure
FROM papers_due d
LEFT JOIN top_up_orders o ON o.id = d.order_id
WHERE d.failure IS NOT NULL
UNION ALL
SELECT 'paper_amount', p.source, p.customer_id, trim_scale(s.amount)::text, trim_scale(p.amount)::text
FROM papers p
JOIN sources s USING (source)
WHERE p.amount <> s.amount
UNION ALL
SELECT 'paper_receipt', p.source, p.customer_id,
       concat_ws(', ', trim_scale(a.amount), trim_scale(a.fee), trim_scale(a.tax), trim_scale(a.tax_included)),
       concat_ws(', ', trim_scale(p.amount), trim_scale(p.fee), trim_scale(p.tax), trim_scale(p.tax_included))
FROM papers p
LEFT JOIN payment_applications a ON a.order_id = p.order_id
WHERE p.kind = 'receipt'
  AND (p.amount, p.fee, p.tax, p.tax_included) IS DISTINCT FROM (a.amount, a.fee, a.tax, a.tax_included)
UNION ALL
SELECT 'paper_credited', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       'at most ' || trim_scale(o.received_amount)::text, trim_scale(b.amount)::text
FROM returned b
JOIN top_up_orders o ON o.id = b.order_id
WHERE b.amount > o.received_amount OR b.amount < 0
UNION ALL
SELECT 'paper_parts', 'tuo_' || replace(r.order_id::text, '-', ''), r.customer_id,
       'at most ' || concat_ws(', ', trim_scale(r.credited), trim_scale(r.fee), trim_scale(r.tax),
                               trim_scale(r.tax_included)),
       concat_ws(', ', trim_scale(b.credited), trim_scale(b.fee), trim_scale(b.tax), trim_scale(b.tax_included))
FROM returned b
JOIN papers r ON r.order_id = b.order_id AND r.kind = 'receipt'
WHERE b.credited NOT BETWEEN 0 AND r.credited
   OR b.fee NOT BETWEEN 0 AND r.fee
   OR b.tax NOT BETWEEN 0 AND r.tax
   OR b.tax_included NOT BETWEEN 0 AND r.tax_included
