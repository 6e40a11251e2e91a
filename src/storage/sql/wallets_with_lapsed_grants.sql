-- The wallets with an expired grant that still has credit which no hold reserves. `remaining > 0` stands here as in the
-- index `grants_expiring`.
-- $1 bigint the largest number of wallets
SELECT DISTINCT w.customer_id, w.currency, w.product
FROM grants g
JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
WHERE g.remaining > 0 AND g.remaining > g.held AND g.expires_at <= (SELECT ledger_now())
LIMIT $1
