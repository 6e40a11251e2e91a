-- Writes an event that an order is shown in another way, although its row has not changed.
--
-- $1 uuid the order
INSERT INTO events (customer_id, type, noun, data, created_at)
SELECT o.customer_id, 'order.updated', 'order', to_jsonb(o), ledger_now()
FROM top_up_orders o
WHERE o.id = $1
