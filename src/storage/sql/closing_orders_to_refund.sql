-- The payments of a customer's completed orders that may still have something to give back, by when they were applied,
-- newest first. A payment of which a refund of this closing failed is left out: its money is paid out with the rest. A
-- rejected proposal does not count as a failed refund.
--
-- $1 text customer
-- $2 uuid closing
--
-- Returns the order and the payment.
SELECT o.id, a.payment_id
FROM top_up_orders o
JOIN payment_applications a ON a.order_id = o.id AND a.reversed_at IS NULL
JOIN payments p ON p.id = a.payment_id
WHERE o.customer_id = $1 AND o.status = 'completed' AND o.channel <> 'balance' AND p.refunded < p.amount
  AND NOT EXISTS (SELECT FROM refunds r
                  WHERE r.order_id = o.id AND r.payment_id = a.payment_id AND r.closing_id = $2
                    AND r.status = 'failed' AND r.started_at IS NOT NULL)
GROUP BY o.id, a.payment_id
ORDER BY max(a.applied_at) DESC, o.id DESC, a.payment_id
