-- Finds holds by their dedupe keys.
--
-- Per hold:
-- $1 text[] customer
-- $2 text[] key
--
-- Returns the columns of `HoldRow` for each hold that exists.
SELECT h.customer_id, h.key, h.id, h.wallet_id, h.currency, h.product, h.fingerprint, h.amount, h.granted,
       h.grant_id, h.grant_parts, h.description, h.metadata, h.created_at, h.expires_at, h.status, h.captured,
       h.closed_at
FROM unnest($1, $2) AS k (customer_id, key)
JOIN holds h USING (customer_id, key)
