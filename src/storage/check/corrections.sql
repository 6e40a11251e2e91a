-- Corrections against what they correct: operators' adjustments against their records, what was given back of usage
-- against that usage, and refund requests against their refunds.
WITH recorded AS (
    SELECT customer_id, 'adj_' || replace(id::text, '-', '') AS key, currency, product, amount
    FROM adjustments WHERE order_id IS NULL AND booked_at IS NOT NULL
), booked AS (
    SELECT e.customer_id, e.key, e.wallet_id, e.seq, e.amount, w.currency, w.product
    FROM entries e
    LEFT JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    WHERE e.kind = /* ADJUST */ 11 AND e.counterpart = 'adjustment'
), returned AS (
    SELECT customer_id, wallet_id, reference, counterpart, sum(amount) AS amount, max(seq) AS seq
    FROM entries WHERE kind = /* REVERSAL */ 4
    GROUP BY customer_id, wallet_id, reference, counterpart
)
SELECT 'adjustment_entry' AS rule,
       coalesce(r.key, 'wal_' || replace(b.wallet_id::text, '-', '') || ':' || b.seq) AS subject,
       coalesce(r.customer_id, b.customer_id) AS customer,
       coalesce(nullif(concat_ws(' ', trim_scale(r.amount), r.currency, nullif(r.product, '')), ''), 'a record')
           AS expected,
       coalesce(nullif(concat_ws(' ', trim_scale(b.amount), b.currency, nullif(b.product, '')), ''), 'no entry')
           AS found
FROM recorded r
FULL JOIN booked b ON b.customer_id = r.customer_id AND b.key = r.key
WHERE (r.amount, r.currency, r.product) IS DISTINCT FROM (b.amount, b.currency, b.product)
UNION ALL
SELECT 'reversal_of_deduction', 'wal_' || replace(r.wallet_id::text, '-', '') || ':' || r.seq, r.customer_id,
       coalesce('at most ' || trim_scale(-d.amount) || ' of ' || r.reference, 'a usage or a capture'),
       trim_scale(r.amount) || coalesce(' of ' || r.reference, '')
FROM returned r
LEFT JOIN (SELECT customer_id, wallet_id, coalesce(reference, key) AS id, counterpart, min(amount) AS amount
           FROM entries WHERE kind IN (/* CONSUMPTION */ 2, 3)
           GROUP BY 1, 2, 3, 4) AS d
    ON d.customer_id = r.customer_id AND d.wallet_id = r.wallet_id AND d.id = r.reference
    AND d.counterpart = r.counterpart
WHERE d.amount IS NULL OR r.amount > -d.amount
UNION ALL
SELECT 'refund_request_refund', 'rrq_' || replace(q.id::text, '-', ''), q.customer_id,
       'a refund of its order of at most ' || trim_scale(q.amount) || ' ' || q.currency || ' that '
           || CASE q.status WHEN 'waiting' THEN 'waits' ELSE 'has started' END,
       coalesce(trim_scale(r.amount) || ' ' || r.currency || ' ' || r.status, 'no refund')
FROM refund_requests q
LEFT JOIN refunds r ON r.id = q.refund_id
WHERE (q.refund_id IS NOT NULL OR q.status = 'approved')
  AND ((r.order_id, r.customer_id, r.currency) IS DISTINCT FROM (q.order_id, q.customer_id, q.currency)
       OR r.amount > q.amount OR (q.status = 'waiting') <> (r.status = 'awaiting_second_approval')
       OR q.status NOT IN ('waiting', 'approved'))
