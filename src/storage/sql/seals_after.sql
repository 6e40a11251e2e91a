-- The next seals in the order of customer, wallet and stretch, each with its wallet's currency and product.
--
-- $1 text customer of the last seal before
-- $2 uuid its wallet
-- $3 bigint number of its first entry
-- $4 bigint the largest number of seals
--
-- Returns the columns of the seal, and the currency and product of the wallet, if it exists.
SELECT s.customer_id, s.wallet_id, s.from_seq, s.to_seq, s.form, s.previous_hash, s.hash, s.key_id, s.signature,
       s.sealed_at, w.currency, w.product
FROM (SELECT * FROM seals
      WHERE (customer_id, wallet_id, from_seq) > ($1, $2, $3)
      ORDER BY customer_id, wallet_id, from_seq
      LIMIT $4) AS s
LEFT JOIN wallets w ON w.customer_id = s.customer_id AND w.id = s.wallet_id
ORDER BY s.customer_id, s.wallet_id, s.from_seq
