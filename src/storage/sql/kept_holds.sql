-- Reads holds back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `holds`
--
-- Returns the columns of `HoldRow`.
SELECT h.customer_id, h.key, h.id, h.wallet_id, h.currency, h.product, h.fingerprint, h.amount, h.granted,
       h.grant_id, h.grant_parts, h.description, h.metadata, h.created_at, h.expires_at, h.status, h.captured,
       h.closed_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::holds, kept.data) h
ORDER BY kept.n
