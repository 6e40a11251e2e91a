-- Writes locked wallets. What never changes (id, created_at) and what use cases set (caps, frozen, customer_frozen, the
-- threshold of the low-balance alert) is not written here.
--
-- Per wallet:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 bool[] needs_full_path
-- $5 numeric[] fast_floor
-- $6 numeric[] granted
-- $7 numeric[] held
-- $8 numeric[] debt
-- $9 numeric[] paid
-- $10 numeric[] paid_in
-- $11 numeric[] paid_out
-- $12 bigint[] entry_seq
-- $13 bigint[] version
-- $14 timestamptz[] updated_at
-- $15 bool[] claimed
-- $16 numeric[] bonus_owed
-- $17 date[] guard_day
-- $18 numeric[] spent_today
-- $19 numeric[] spent_this_month
-- $20 uuid[] active_grant
-- $21 numeric[] active_remaining
-- $22 numeric[] active_held
-- $23 timestamptz[] grants_until
--
-- Returns nothing; the number of updated rows must be the number of wallets.
UPDATE wallets w
SET needs_full_path = n.needs_full_path,
    fast_floor = n.fast_floor,
    granted = n.granted,
    held = n.held,
    debt = n.debt,
    paid = n.paid,
    paid_in = n.paid_in,
    paid_out = n.paid_out,
    entry_seq = n.entry_seq,
    version = n.version,
    updated_at = n.updated_at,
    claimed = n.claimed,
    bonus_owed = n.bonus_owed,
    guard_day = n.guard_day,
    spent_today = n.spent_today,
    spent_this_month = n.spent_this_month,
    active_grant = n.active_grant,
    active_remaining = n.active_remaining,
    active_held = n.active_held,
    grants_until = n.grants_until
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
     AS n (customer_id, currency, product, needs_full_path, fast_floor, granted, held, debt, paid, paid_in, paid_out,
           entry_seq, version, updated_at, claimed, bonus_owed, guard_day, spent_today, spent_this_month,
           active_grant, active_remaining, active_held, grants_until)
WHERE w.customer_id = n.customer_id AND w.currency = n.currency AND w.product = n.product
