-- Closings against wallets, payouts and write-offs against their entries, and refunds against the closing that made
-- them.
WITH payout_entries AS (
    SELECT e.customer_id, e.reference, w.currency, w.product,
           count(*) FILTER (WHERE e.kind = /* PAYOUT */ 19) AS out,
           count(*) FILTER (WHERE e.kind = /* PAYOUT_RETURNED */ 20) AS back,
           sum(e.amount) AS net, max(abs(e.amount)) AS amount
    FROM entries e JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    WHERE e.kind IN (/* PAYOUTS */ 19, 20)
    GROUP BY e.customer_id, e.reference, w.currency, w.product
), write_off_entries AS (
    SELECT e.customer_id, e.reference, w.currency, sum(e.amount) AS amount
    FROM entries e JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    WHERE e.kind IN (/* WRITE_OFFS */ 21, 22)
    GROUP BY e.customer_id, e.reference, w.currency
), left_over AS (
    SELECT w.customer_id, bool_or(w.paid - w.held - w.debt >= power(10::numeric, -currency_exponent(w.currency))
                                  OR w.granted > 0 OR w.held > 0) AS something
    FROM wallets w WHERE w.closed GROUP BY w.customer_id
)
SELECT 'closing_empty' AS rule, 'cls_' || replace(c.id::text, '-', '') AS subject, c.customer_id AS customer,
       'nothing left and nothing under way' AS expected, v.found
FROM closings c
LEFT JOIN left_over l ON l.customer_id = c.customer_id
CROSS JOIN LATERAL (VALUES
    (coalesce(l.something, false), 'money or credit'),
    (EXISTS (SELECT FROM payouts p
             WHERE p.closing_id = c.id AND p.status IN ('awaiting_second_approval', 'pending')), 'a payout'),
    (EXISTS (SELECT FROM refunds r
             WHERE r.closing_id = c.id AND r.status IN ('awaiting_second_approval', 'pending')), 'a refund')
) AS v (is_there, found)
WHERE c.state = 'closed' AND v.is_there
UNION ALL
SELECT 'closing_refund', 'rfd_' || replace(r.id::text, '-', ''), r.customer_id, 'a closing of its customer',
       coalesce(c.customer_id, 'none')
FROM refunds r
LEFT JOIN closings c ON c.id = r.closing_id
WHERE r.closing_id IS NOT NULL AND c.customer_id IS DISTINCT FROM r.customer_id
UNION ALL
SELECT 'payout_entry', 'pot_' || replace(p.id::text, '-', ''), p.customer_id,
       w.out || ' out, ' || w.back || ' back, of ' || trim_scale(p.debited),
       coalesce(e.out, 0) || ' out, ' || coalesce(e.back, 0) || ' back, of ' || coalesce(trim_scale(e.amount), 0)
FROM payouts p
LEFT JOIN payout_entries e
    ON e.customer_id = p.customer_id AND e.reference = 'pot_' || replace(p.id::text, '-', '')
    AND e.currency = p.currency AND e.product = ''
CROSS JOIN LATERAL (SELECT (p.approved_at IS NOT NULL)::integer,
                           (p.approved_at IS NOT NULL AND p.status = 'failed')::integer) AS w (out, back)
WHERE (coalesce(e.out, 0), coalesce(e.back, 0)) <> (w.out, w.back)
   OR coalesce(e.amount, 0) <> w.out * p.debited OR coalesce(e.net, 0) <> (w.back - w.out) * p.debited
UNION ALL
SELECT 'payout_entry_without_payout', coalesce(e.reference, 'an entry without one'), e.customer_id, 'a payout', 'none'
FROM payout_entries e
WHERE NOT EXISTS (SELECT FROM payouts p
                  WHERE p.customer_id = e.customer_id AND 'pot_' || replace(p.id::text, '-', '') = e.reference
                    AND p.currency = e.currency AND e.product = '')
UNION ALL
SELECT 'payout_of_closing', 'pot_' || replace(p.id::text, '-', ''), p.customer_id, 'the customer of its closing',
       c.customer_id
FROM payouts p JOIN closings c ON c.id = p.closing_id
WHERE c.customer_id <> p.customer_id
UNION ALL
SELECT 'second_operator_of_payout', v.subject, v.customer_id, 'another operator than ' || v.proposed_by,
       coalesce(v.approved_by, 'nobody')
FROM (SELECT 'pot_' || replace(id::text, '-', '') AS subject, customer_id, proposed_by, approved_by,
             status IN ('pending', 'succeeded') AS has_moved
      FROM payouts
      UNION ALL
      SELECT 'wof_' || replace(id::text, '-', ''), customer_id, proposed_by, approved_by, false
      FROM write_offs) AS v
WHERE v.approved_by = v.proposed_by OR (v.has_moved AND v.approved_by IS NULL)
UNION ALL
SELECT 'write_off_entry', coalesce('wof_' || replace(o.id::text, '-', ''), e.reference, 'an entry without one'),
       coalesce(o.customer_id, e.customer_id),
       CASE WHEN o.id IS NULL THEN 'an approved write-off' ELSE trim_scale(o.amount - o.recovered)::text END,
       coalesce(trim_scale(e.amount)::text, 'no entry')
FROM (SELECT * FROM write_offs WHERE approved_at IS NOT NULL) AS o
FULL JOIN write_off_entries e ON e.customer_id = o.customer_id AND e.currency = o.currency
    AND e.reference = 'wof_' || replace(o.id::text, '-', '')
WHERE o.amount - o.recovered IS DISTINCT FROM e.amount
