-- The customers after one, in the order of their ids. There is no table of customers: an id with a wallet, a billing
-- profile or an order is one. Each step looks for the next id in three indexes.
--
-- $1 text the customer that the page comes after
-- $2 bigint at most this many
WITH RECURSIVE page (customer_id, n) AS (
    SELECT least(
        (SELECT customer_id::text FROM wallets WHERE customer_id > $1 ORDER BY customer_id LIMIT 1),
        (SELECT customer_id FROM billing_profiles WHERE customer_id > $1 ORDER BY customer_id LIMIT 1),
        (SELECT customer_id FROM top_up_orders WHERE customer_id > $1 ORDER BY customer_id LIMIT 1)
    ), 1::bigint
    UNION ALL
    SELECT least(
        (SELECT w.customer_id::text FROM wallets w WHERE w.customer_id > page.customer_id
         ORDER BY w.customer_id LIMIT 1),
        (SELECT b.customer_id FROM billing_profiles b WHERE b.customer_id > page.customer_id
         ORDER BY b.customer_id LIMIT 1),
        (SELECT o.customer_id FROM top_up_orders o WHERE o.customer_id > page.customer_id
         ORDER BY o.customer_id LIMIT 1)
    ), page.n + 1
    FROM page
    WHERE page.customer_id IS NOT NULL AND page.n < $2
)
SELECT customer_id FROM page WHERE customer_id IS NOT NULL
