-- Finds the key of a request whose row in `idempotency_keys` was pruned: it is in the row of what the request made.
--
-- $1 text caller
-- $2 text operation
-- $3 text key
--
-- Returns the fingerprint of the request, and the id of what it made.
SELECT key_fingerprint, id
FROM transfers
WHERE $2 = 'create_transfer' AND key_caller = $1 AND key = $3 AND order_id IS NULL
UNION ALL
SELECT key_fingerprint, order_id
FROM transfers
WHERE $2 = 'create_top_up_order' AND key_caller = $1 AND key = $3 AND order_id IS NOT NULL
UNION ALL
SELECT key_fingerprint, id FROM grants WHERE $2 = 'create_grant' AND key_caller = $1 AND key = $3
UNION ALL
SELECT key_fingerprint, id FROM refunds WHERE $2 = 'create_refund' AND key_caller = $1 AND key = $3
UNION ALL
SELECT key_fingerprint, id FROM adjustments WHERE $2 = 'create_adjustment' AND key_caller = $1 AND key = $3
