-- The next wallets that may have entries in a period, in the order of their keys.
--
-- $1 text customer of the wallet to begin with
-- $2 text its currency
-- $3 text its product
-- $4 timestamptz the beginning of the period
-- $5 text currency, or null
-- $6 text product, or null
-- $7 bigint at most this many
--
-- Returns the columns of `WalletRow`.
SELECT customer_id::text, currency::text, product::text, id, entry_seq
FROM wallets
WHERE (customer_id, currency, product) >= ($1, $2, $3)
  AND updated_at >= $4
  AND entry_seq > 0
  AND currency = coalesce($5, currency)
  AND product = coalesce($6, product)
ORDER BY customer_id, currency, product
LIMIT $7
