-- When the last payment came by a payment company that serves a customer.
--
-- $1 text customer
--
-- Returns the time, or null.
SELECT greatest(
    (SELECT max(p.received_at)
     FROM top_up_orders o
     JOIN payment_applications a ON a.order_id = o.id
     JOIN payments p ON p.id = a.payment_id
     WHERE o.customer_id = $1 AND p.provider <> 'bank'),
    (SELECT max(p.received_at)
     FROM top_up_orders o
     JOIN payments p ON p.order_id = o.id
     WHERE o.customer_id = $1 AND p.provider <> 'bank'))
