-- Writes the events of grants that expire soon and have no such event. A grant that another writer has locked is
-- skipped, because waiting for it would reverse the order of locks; a later turn writes its event. `remaining > 0` is
-- written as in the index `grants_expiring`.
--
-- $1 timestamptz those that expire at this moment or later
-- $2 timestamptz those that expire at this moment or before
-- $3 bigint at most this many
--
-- Returns how many there were, and when the last of them expires.
WITH due AS (
    SELECT customer_id, id
    FROM grants
    WHERE remaining > 0 AND expires_at >= $1 AND expires_at <= $2 AND NOT told_expiring
    ORDER BY expires_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), told AS (
    UPDATE grants g SET told_expiring = true
    FROM due WHERE g.customer_id = due.customer_id AND g.id = due.id
    RETURNING g.*
), written AS (
    INSERT INTO events (customer_id, type, noun, data, created_at)
    SELECT t.customer_id, 'grant.expiring', 'grant',
           to_jsonb(t) || jsonb_build_object('currency', w.currency, 'product', w.product,
                                             'remaining', c.remaining, 'held', c.held), ledger_now()
    FROM told t
    JOIN wallets w ON w.customer_id = t.customer_id AND w.id = t.wallet_id
    JOIN current_grants c ON c.customer_id = t.customer_id AND c.id = t.id
    ORDER BY t.customer_id COLLATE "C", t.expires_at
)
SELECT count(*), max(expires_at) FROM told
