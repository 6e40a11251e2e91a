-- What a payment brought to wallets without an order. A company's payment serves one customer. A bank transfer can
-- serve several, but no company takes it back: for it the last customer is returned.
--
-- $1 uuid payment
--
-- Returns the customer, the product of the wallet that was credited last, the sum, what refunds and charged disputes in
-- force take from it, and what the wallets owe for them; or no row.
WITH credits AS (
    SELECT a.customer_id, w.product, a.amount, a.n
    FROM payment_applications a
    JOIN wallets w ON w.customer_id = a.customer_id AND w.id = a.wallet_id
    WHERE a.payment_id = $1 AND a.order_id IS NULL AND a.reversed_at IS NULL
), last_one AS (
    SELECT customer_id, product FROM credits ORDER BY n DESC LIMIT 1
)
SELECT l.customer_id, l.product,
       (SELECT sum(c.amount) FROM credits c WHERE c.customer_id = l.customer_id),
       coalesce(r.asked, 0) + coalesce(d.asked, 0),
       coalesce(r.taken, 0) + coalesce(d.taken, 0)
FROM last_one l
CROSS JOIN (SELECT sum(from_wallet) FILTER (WHERE status IN ('pending', 'succeeded')) AS asked,
                   sum(wallet_taken) AS taken
            FROM refunds WHERE payment_id = $1) AS r
CROSS JOIN (SELECT sum(from_wallet) FILTER (WHERE status <> 'won' AND charged) AS asked, sum(wallet_taken) AS taken
            FROM disputes WHERE payment_id = $1) AS d
