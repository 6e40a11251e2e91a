-- The open items that the closing of a customer's account waits for.
--
-- $1 text customer
--
-- Returns how many there are: open orders, open holds, unapplied payments, freezes, open disputes for which the wallets
-- have given nothing, refund requests without a refund that nobody has decided, refunds that have not ended, payouts
-- that have not ended.
SELECT (SELECT count(*) FROM top_up_orders o WHERE o.customer_id = $1 AND o.status IN ('pending', 'processing')),
       (SELECT count(*) FROM holds h WHERE h.customer_id = $1 AND h.status = 'open'),
       (SELECT count(*)
        FROM payments p
        WHERE p.applied + p.unapplied_taken < p.amount AND p.dismissed_at IS NULL
          AND p.id IN (SELECT q.id
                       FROM top_up_orders o
                       JOIN payments q ON q.order_id = o.id
                       WHERE o.customer_id = $1
                       UNION
                       -- A payment of a company serves one customer, so its rest belongs to that customer as well.
                       SELECT q.id
                       FROM payment_applications a
                       JOIN payments q ON q.id = a.payment_id
                       WHERE a.customer_id = $1 AND a.order_id IS NULL AND q.provider <> 'bank')),
       (SELECT count(*) FROM frozen_customers f WHERE f.customer_id = $1)
       + (SELECT count(*) FROM frozen_wallets f WHERE f.customer_id = $1),
       (SELECT count(*) FROM disputes d WHERE d.customer_id = $1 AND d.status = 'open' AND NOT d.charged),
       (SELECT count(*) FROM refund_requests q
        WHERE q.customer_id = $1 AND q.status = 'waiting' AND q.refund_id IS NULL),
       (SELECT count(*) FROM refunds r
        WHERE r.customer_id = $1 AND r.status IN ('awaiting_second_approval', 'pending')),
       (SELECT count(*) FROM payouts p
        WHERE p.customer_id = $1 AND p.status IN ('awaiting_second_approval', 'pending'))
