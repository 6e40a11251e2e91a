-- Writes locked wallets. What never changes (id, created_at) and what use cases set (guarded, frozen, customer_frozen,
-- the threshold of the low-balance alert) is not written here.
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
    bonus_owed = n.bonus_owed
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
     AS n (customer_id, currency, product, needs_full_path, fast_floor, granted, held, debt, paid, paid_in, paid_out,
           entry_seq, version, updated_at, claimed, bonus_owed)
WHERE w.customer_id = n.customer_id AND w.currency = n.currency AND w.product = n.product
