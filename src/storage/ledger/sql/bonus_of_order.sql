-- The bonus that an order brought, and how much of it is spent or expired.
--
-- $1 text customer
-- $2 uuid order
--
-- Returns the grant's id, the part that is spent or held and was not revoked, and the part that expired unspent; or no
-- row if the order brought no bonus.
SELECT g.id, g.amount - (g.remaining - g.held) - x.amount - r.amount, x.amount
FROM current_grants g
CROSS JOIN LATERAL (SELECT coalesce(-sum(u.amount), 0) AS amount
                    FROM grant_uses u
                    JOIN entries e ON e.customer_id = u.customer_id AND e.wallet_id = u.wallet_id AND e.seq = u.seq
                    WHERE u.customer_id = g.customer_id AND u.grant_id = g.id AND e.kind = /* EXPIRE */ 10) AS x
CROSS JOIN LATERAL (SELECT coalesce(sum(t.taken - t.given_back), 0) AS amount
                    FROM take_backs t
                    WHERE t.customer_id = g.customer_id AND coalesce(t.order_id, t.payment_id) = g.order_id
                      AND t.part = 'bonus') AS r
WHERE g.customer_id = $1 AND g.order_id = $2
