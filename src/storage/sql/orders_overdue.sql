-- The orders that wait for their payer (`Order::awaits_payer`) although their time is over, the oldest first. The
-- states are written as in the index `top_up_orders_to_expire`.
-- $1 bigint the largest number of orders
SELECT id
FROM top_up_orders
WHERE (status = 'pending' OR awaiting = 'payer') AND expires_at <= (SELECT ledger_now())
ORDER BY expires_at
LIMIT $1
