-- Locks and reads the open holds of some wallets whose time is over. A hold that another writer has locked is left to
-- that writer, because waiting for it here would reverse the order of the locks.
--
-- $1 text[] customers of the wallets
-- $2 uuid[] ids of the wallets
-- $3 timestamptz now
-- $4 text the name of the worker that sweeps holds
-- $5 bigint how many seconds before the worker's mark the search begins, in case the clock was set back
--
-- Returns the columns of `HoldRow`, in id order.
--
-- Nothing that the worker has passed is open any more. The index has the closed holds as well, and the lower bound
-- keeps them out of the scan. Without a mark there is no lower bound.
SELECT h.customer_id, h.key, h.id, h.wallet_id, h.currency, h.product, h.fingerprint, h.amount, h.granted,
       h.grant_id, h.grant_parts, h.description, h.metadata, h.created_at, h.expires_at, h.status, h.captured,
       h.closed_at
FROM holds h
WHERE h.customer_id = ANY ($1)
  AND h.expires_at <= $3
  AND h.expires_at > coalesce(
      (SELECT reached - $5 * interval '1 second' FROM worker_marks WHERE worker = $4), '-infinity')
  AND h.status = 'open'
  AND h.wallet_id = ANY ($2)
ORDER BY h.id
FOR UPDATE SKIP LOCKED
