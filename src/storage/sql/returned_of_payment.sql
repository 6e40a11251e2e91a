-- How much of a payment that an order received is back with its payer: what was refunded, and what disputes took. What
-- waits for its credit note does not count yet. What was undone still counts while its own cancellation is due, except
-- for the one that this cancellation is about.
--
-- $1 uuid the order
-- $2 uuid the payment
-- $3 text what the cancellation is for: its row in `papers_due`
--
-- Returns the sum, which can be more than was received.
SELECT coalesce(sum(t.amount), 0)
FROM (
    SELECT 'rfd_' || replace(r.id::text, '-', '') AS source, ':failed' AS undoing, r.status = 'succeeded' AS stands,
           r.amount - r.from_unapplied - r.from_wallet AS amount
    FROM refunds r
    WHERE r.order_id = $1 AND r.payment_id = $2 AND r.status IN ('succeeded', 'failed')
    UNION ALL
    -- An open dispute counts if it has a credit note: it was lost before its company told of it.
    SELECT n.source, ':won', d.status = 'lost' OR (d.status = 'open' AND p.source IS NOT NULL),
           d.amount - d.from_unapplied - d.from_wallet
    FROM disputes d
    CROSS JOIN LATERAL (SELECT 'dsp_' || replace(d.id::text, '-', '') AS source) AS n
    LEFT JOIN papers p ON p.source = n.source
    WHERE d.order_id = $1 AND d.payment_id = $2
) t
WHERE NOT EXISTS (SELECT FROM papers_due u WHERE u.source = t.source)
  AND (t.stands OR EXISTS (SELECT FROM papers_due u WHERE u.source = t.source || t.undoing AND u.source <> $3))
