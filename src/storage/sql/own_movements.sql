-- Our records of a company: those of a period, and those of everything that the company names. The company still names
-- a refund that failed after its list ended.
--
-- $1 text provider
-- $2 timestamptz from
-- $3 timestamptz to
-- $4 text[] the company's ids of payments
-- $5 text[] its ids of refunds
-- $6 timestamptz the end of its list: a refund that had failed before should not be in it
--
-- Returns the columns of `OwnRow`.
SELECT 'payment', p.payment_id, p.payment_id, p.amount, p.currency, p.received_at,
       'pay_' || replace(p.id::text, '-', '')
FROM payments p
WHERE p.provider = $1 AND p.amount > 0 AND ((p.received_at >= $2 AND p.received_at < $3) OR p.payment_id = ANY ($4))
UNION ALL
SELECT 'refund', r.provider_refund_id, p.payment_id, r.amount, r.currency, coalesce(r.started_at, r.created_at),
       'rfd_' || replace(r.id::text, '-', '')
FROM refunds r
JOIN payments p ON p.id = r.payment_id
WHERE r.provider = $1 AND r.provider_refund_id IS NOT NULL
  AND ((r.status IN ('pending', 'succeeded') AND coalesce(r.started_at, r.created_at) >= $2
        AND coalesce(r.started_at, r.created_at) < $3)
       OR (r.provider_refund_id = ANY ($5) AND (r.status <> 'failed' OR r.updated_at >= $6)))
UNION ALL
SELECT 'dispute', d.dispute_id, p.payment_id, d.amount, d.currency, d.created_at,
       'dsp_' || replace(d.id::text, '-', '')
FROM disputes d
JOIN payments p ON p.id = d.payment_id
WHERE d.provider = $1 AND ((d.created_at >= $2 AND d.created_at < $3) OR p.payment_id = ANY ($4))
