-- How many orders of a customer wait for their money. The states are written as in the index `top_up_orders_open`.
-- $1 text customer
SELECT count(*)
FROM top_up_orders
WHERE customer_id = $1 AND status IN ('pending', 'processing')
