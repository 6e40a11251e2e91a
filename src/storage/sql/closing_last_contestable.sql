-- When the customer's last payment arrived that came through a payment company and was not refunded in full. A payment
-- that was refunded in full cannot be contested.
--
-- $1 text customer
--
-- Returns the time, or null.
SELECT max(p.received_at)
FROM payments p
WHERE p.provider <> 'bank' AND p.refunded < p.amount
  AND p.id IN (SELECT a.payment_id
               FROM top_up_orders o
               JOIN payment_applications a ON a.order_id = o.id
               WHERE o.customer_id = $1
               UNION
               SELECT q.id
               FROM top_up_orders o
               JOIN payments q ON q.order_id = o.id
               WHERE o.customer_id = $1
               UNION
               SELECT a.payment_id
               FROM payment_applications a
               WHERE a.customer_id = $1 AND a.order_id IS NULL)
