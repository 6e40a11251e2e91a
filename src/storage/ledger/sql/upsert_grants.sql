-- Inserts new grants, and updates the others.
--
-- Per grant:
-- $1 text[] customer
-- $2 uuid[] id
-- $3 uuid[] wallet id
-- $4 numeric[] amount
-- $5 numeric[] remaining
-- $6 numeric[] held
-- $7 smallint[] priority
-- $8 timestamptz[] expires_at, null if the grant never expires
-- $9 text[] reason
-- $10 uuid[] order id, null unless the grant is an order's bonus
-- $11 text[] created_by
-- $12 timestamptz[] created_at
-- $13 numeric[] owed
-- $14 bigint[] the number of the wallet's last entry, if an entry can have used the grant since its row was written;
--     0 otherwise
-- $15 text[] client reference of a new grant, or null
-- $16 jsonb[] metadata of a new grant, or null
--
-- Returns nothing.
--
-- The condition at the end keeps unchanged grants from getting a new row version: one posting changes few of a wallet's
-- grants.
INSERT INTO grants AS g (customer_id, id, wallet_id, amount, remaining, held, priority, expires_at, reason, order_id,
                         created_by, created_at, owed, used_to, client_reference, metadata)
SELECT *
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (customer_id, id) DO UPDATE
SET remaining = excluded.remaining,
    held = excluded.held,
    owed = excluded.owed,
    used_to = greatest(g.used_to, excluded.used_to)
WHERE (g.remaining, g.held, g.owed) <> (excluded.remaining, excluded.held, excluded.owed)
   OR g.used_to < excluded.used_to
