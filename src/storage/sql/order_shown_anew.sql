-- Writes an event for an order whose row has not changed, although what the API shows of it has.
--
-- $1 uuid the order
INSERT INTO events (customer_id, type, noun, data, created_at)
SELECT o.customer_id, 'order.updated', 'order', to_jsonb(o), ledger_now()
FROM top_up_orders o
WHERE o.id = $1
