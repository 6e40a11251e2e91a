-- Papers: their numbers, what they are for, and their figures.
WITH counted AS (
    SELECT series, year, count(*) AS papers, max(number) AS highest, min(number) AS lowest
    FROM papers
    GROUP BY series, year
), applied AS (
    -- The receipt of the first application to an order has the order's name.
    SELECT CASE WHEN row_number() OVER (PARTITION BY order_id ORDER BY applied_at, payment_id, n) = 1
                THEN 'tuo_' || replace(order_id::text, '-', '')
                ELSE 'pay_' || replace(payment_id::text, '-', '') || ':' || n END AS source,
           customer_id, order_id, payment_id, n, amount, fee, tax, tax_included
    FROM payment_applications
    WHERE order_id IS NOT NULL
), sources AS (
    SELECT source, customer_id, payment_id, amount
    FROM applied
    UNION ALL
    -- Where a lost dispute of the payment was credited, too, the papers count the same money once.
    SELECT 'rfd_' || replace(id::text, '-', ''), customer_id, payment_id, amount - from_unapplied - from_wallet
    FROM refunds r
    WHERE status = 'succeeded' AND order_id IS NOT NULL AND amount > from_unapplied + from_wallet
      AND NOT EXISTS (SELECT FROM papers p WHERE p.payment_id = r.payment_id AND p.source LIKE 'dsp\_%')
    UNION ALL
    -- If a payment has other refunds or disputes, the share of a dispute can change after its paper: it is left out.
    SELECT 'dsp_' || replace(id::text, '-', ''), customer_id, payment_id, amount - from_unapplied - from_wallet
    FROM disputes d
    WHERE status = 'lost' AND order_id IS NOT NULL AND amount > from_unapplied + from_wallet
      AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = d.payment_id)
      AND NOT EXISTS (SELECT FROM disputes o WHERE o.payment_id = d.payment_id AND o.id <> d.id)
    UNION ALL
    SELECT 'adj_' || replace(j.id::text, '-', ''), j.customer_id, j.payment_id, a.amount
    FROM adjustments j
    JOIN payment_applications a ON a.payment_id = j.payment_id AND a.n = j.application_n
    WHERE j.booked_at IS NOT NULL AND j.order_id IS NOT NULL
), receipted AS (
    SELECT order_id, customer_id, sum(amount) AS amount, sum(credited) AS credited, sum(fee) AS fee, sum(tax) AS tax,
           sum(tax_included) AS tax_included
    FROM papers
    WHERE kind = 'receipt'
    GROUP BY order_id, customer_id
), returned AS (
    SELECT p.order_id, sum(s.sign * p.amount) AS amount, sum(s.sign * p.credited) AS credited,
           sum(s.sign * p.fee) AS fee, sum(s.sign * p.tax) AS tax, sum(s.sign * p.tax_included) AS tax_included
    FROM papers p
    CROSS JOIN LATERAL (SELECT CASE p.kind WHEN 'credit_note' THEN 1 ELSE -1 END) AS s (sign)
    WHERE p.kind <> 'receipt'
    GROUP BY p.order_id
), back AS (
    -- How much of a payment is back with the payer. If a refund or dispute also took money that does not serve the
    -- order, the payment is left out, because the shares can change after their papers.
    SELECT t.order_id, t.payment_id, coalesce(sum(t.amount) FILTER (WHERE t.stands), 0) AS amount
    FROM (
        SELECT order_id, payment_id, status = 'succeeded' AS stands, amount, from_unapplied + from_wallet AS beside
        FROM refunds
        UNION ALL
        -- An open dispute counts if it has a credit note: it was lost before its company told of it.
        SELECT d.order_id, d.payment_id, d.status = 'lost' OR (d.status = 'open' AND p.source IS NOT NULL), d.amount,
               d.from_unapplied + d.from_wallet
        FROM disputes d
        LEFT JOIN papers p ON p.source = 'dsp_' || replace(d.id::text, '-', '')
    ) t
    GROUP BY t.order_id, t.payment_id
    HAVING max(t.beside) = 0
), of_payment AS (
    -- Papers of reversed approvals name an application, as receipts do: that money never came.
    SELECT order_id, payment_id, customer_id,
           coalesce(sum(CASE kind WHEN 'receipt' THEN amount ELSE -amount END)
                    FILTER (WHERE application_n IS NOT NULL), 0) AS received,
           coalesce(sum(CASE kind WHEN 'credit_note' THEN amount ELSE -amount END)
                    FILTER (WHERE application_n IS NULL), 0) AS credited
    FROM papers
    GROUP BY order_id, payment_id, customer_id
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
SELECT 'paper_amount', p.source, p.customer_id,
       trim_scale(s.amount) || ' of pay_' || replace(s.payment_id::text, '-', ''),
       trim_scale(p.amount) || ' of pay_' || replace(p.payment_id::text, '-', '')
FROM papers p
JOIN sources s ON s.source = p.source
WHERE (p.amount, p.payment_id) IS DISTINCT FROM (s.amount, s.payment_id)
UNION ALL
SELECT 'paper_receipt', p.source, p.customer_id,
       concat_ws(', ', trim_scale(a.amount), trim_scale(a.fee), trim_scale(a.tax), trim_scale(a.tax_included)),
       concat_ws(', ', trim_scale(p.amount), trim_scale(p.fee), trim_scale(p.tax), trim_scale(p.tax_included))
FROM papers p
LEFT JOIN applied a ON a.source = p.source
WHERE p.kind = 'receipt'
  AND (p.order_id, p.payment_id, p.application_n, p.amount, p.fee, p.tax, p.tax_included)
      IS DISTINCT FROM (a.order_id, a.payment_id, a.n, a.amount, a.fee, a.tax, a.tax_included)
UNION ALL
SELECT 'paper_credited', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       'at most ' || trim_scale(coalesce(r.amount, 0)), trim_scale(b.amount)::text
FROM returned b
JOIN top_up_orders o ON o.id = b.order_id
LEFT JOIN receipted r ON r.order_id = b.order_id
WHERE b.amount > coalesce(r.amount, 0) OR b.amount < 0
UNION ALL
SELECT 'paper_parts', 'tuo_' || replace(r.order_id::text, '-', ''), r.customer_id,
       'at most ' || concat_ws(', ', trim_scale(r.credited), trim_scale(r.fee), trim_scale(r.tax),
                               trim_scale(r.tax_included)),
       concat_ws(', ', trim_scale(b.credited), trim_scale(b.fee), trim_scale(b.tax), trim_scale(b.tax_included))
FROM returned b
JOIN receipted r ON r.order_id = b.order_id
WHERE b.credited NOT BETWEEN 0 AND r.credited
   OR b.fee NOT BETWEEN 0 AND r.fee
   OR b.tax NOT BETWEEN 0 AND r.tax
   OR b.tax_included NOT BETWEEN 0 AND r.tax_included
UNION ALL
SELECT 'paper_returned', 'tuo_' || replace(k.order_id::text, '-', ''), p.customer_id, trim_scale(v.due)::text,
       trim_scale(p.credited)::text
FROM back k
JOIN of_payment p ON p.order_id = k.order_id AND p.payment_id = k.payment_id
CROSS JOIN LATERAL (SELECT least(k.amount, p.received) AS due) AS v
WHERE p.credited <> v.due
  AND NOT EXISTS (SELECT FROM papers_due d WHERE d.order_id = k.order_id)
