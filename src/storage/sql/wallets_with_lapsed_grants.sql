-- The wallets with an expired grant that still has credit which no hold reserves. `remaining > 0` is written as in the
-- index `grants_expiring`.
-- $1 bigint the largest number of wallets
SELECT DISTINCT w.customer_id, w.currency, w.product
FROM (SELECT * FROM grants WHERE remaining > 0 AND expires_at <= (SELECT ledger_now()) ORDER BY expires_at) AS g
JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
WHERE CASE WHEN w.active_grant = g.id THEN w.active_remaining > w.active_held ELSE g.remaining > g.held END
LIMIT $1
