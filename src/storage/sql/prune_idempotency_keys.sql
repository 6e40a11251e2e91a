-- Deletes the oldest idempotency keys whose age is reached and whose resource no longer changes, and returns how many.
-- A key that made a transfer, an order paid from the wallet, a grant, a refund or an adjustment moves to the row of
-- what it made. A repetition of the request finds the key there, so it is answered and moves nothing twice. An order or
-- a proposal that has ended refuses a repetition of the request that ended it.
--
-- $1 bigint the age in seconds
-- $2 bigint the largest number of keys
WITH old AS (
    SELECT k.ctid AS place
    FROM idempotency_keys k
    WHERE k.created_at < (SELECT ledger_now()) - $1 * interval '1 second'
      AND NOT EXISTS (
          SELECT FROM top_up_orders o WHERE o.id = k.resource_id AND o.status IN ('pending', 'processing'))
      AND NOT EXISTS (
          SELECT FROM refunds r WHERE r.id = k.resource_id AND r.status IN ('awaiting_second_approval', 'pending'))
      AND NOT EXISTS (SELECT FROM refund_requests q WHERE q.id = k.resource_id AND q.status = 'waiting')
      AND NOT EXISTS (
          SELECT FROM adjustments a WHERE a.order_id = k.resource_id AND a.booked_at IS NULL)
      AND NOT EXISTS (
          SELECT FROM adjustments a
          WHERE a.id = k.resource_id AND a.booked_at IS NULL AND a.withdrawn_at IS NULL)
      AND NOT EXISTS (
          SELECT FROM grant_proposals g
          WHERE g.id = k.resource_id AND g.approved_at IS NULL AND g.withdrawn_at IS NULL)
      -- There are few of these keys. A repeated decision would concern another part of the payment.
      AND NOT EXISTS (SELECT FROM unapplied_decisions d WHERE d.id = k.resource_id)
      AND NOT EXISTS (SELECT FROM payouts p WHERE p.id = k.resource_id)
      AND NOT EXISTS (SELECT FROM write_offs w WHERE w.id = k.resource_id)
    ORDER BY k.created_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), gone AS (
    -- The place of a row (ctid) does not change while the row is locked.
    DELETE FROM idempotency_keys k WHERE k.ctid = ANY (ARRAY (SELECT place FROM old)) RETURNING k.*
), of_transfers AS (
    UPDATE transfers t
    SET key_caller = gone.caller, key = gone.key, key_fingerprint = gone.fingerprint
    FROM gone
    WHERE gone.operation = 'create_transfer' AND t.customer_id = gone.customer_id AND t.id = gone.resource_id
), of_orders_from_wallets AS (
    UPDATE transfers t
    SET key_caller = gone.caller, key = gone.key, key_fingerprint = gone.fingerprint
    FROM gone
    WHERE gone.operation = 'create_top_up_order' AND t.order_id = gone.resource_id
), of_grants AS (
    UPDATE grants g
    SET key_caller = gone.caller, key = gone.key, key_fingerprint = gone.fingerprint
    FROM gone
    WHERE gone.operation = 'create_grant' AND g.customer_id = gone.customer_id AND g.id = gone.resource_id
), of_refunds AS (
    UPDATE refunds r
    SET key_caller = gone.caller, key = gone.key, key_fingerprint = gone.fingerprint
    FROM gone
    WHERE gone.operation = 'create_refund' AND r.id = gone.resource_id
), of_adjustments AS (
    UPDATE adjustments a
    SET key_caller = gone.caller, key = gone.key, key_fingerprint = gone.fingerprint
    FROM gone
    WHERE gone.operation = 'create_adjustment' AND a.id = gone.resource_id
)
SELECT count(*) FROM gone
