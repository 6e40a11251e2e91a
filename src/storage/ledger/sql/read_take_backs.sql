-- Reads the movements of which something was not given back, in the order in which they were taken.
--
-- $1 text[] customers
-- $2 uuid[] orders, and payments without an order, that brought the money
--
-- Returns the columns of `TakenRow`.
SELECT t.source, t.n, t.part, t.order_id, t.payment_id, t.customer_id, w.currency, w.product, t.wallet_id,
       t.counterpart, t.grant_id, t.taken, t.given_back, t.returns, t.taken_at
FROM take_backs t
JOIN wallets w ON w.customer_id = t.customer_id AND w.id = t.wallet_id
WHERE t.customer_id = ANY ($1) AND coalesce(t.order_id, t.payment_id) = ANY ($2)
  AND t.given_back < t.taken
ORDER BY t.taken_at, t.source, t.n
