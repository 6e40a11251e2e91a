-- Inserts entries.
--
-- Per entry:
-- $1 timestamptz[] created_at
-- $2 bigint[] seq
-- $3 bigint[] fingerprint
-- $4 uuid[] wallet_id
-- $5 smallint[] kind
-- $6 text[] customer_id
-- $7 numeric[] amount
-- $8 numeric[] balance_after
-- $9 numeric[] paid_in
-- $10 numeric[] paid_out
-- $11 text[] counterpart
-- $12 text[] key
-- $13 numeric[] granted; null if the entry moves no granted credit, so that it takes no space in the row
-- $14 numeric[] debt; null if the entry moves no debt
-- $15 uuid[] the grant, if a usage or a capture used exactly one
-- $16 text[] reference
-- $17 text[] description
-- $18 jsonb[] metadata
-- $19 timestamptz[] occurred_at
--
-- Returns nothing.
INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in,
                     paid_out, counterpart, key, granted, debt, grant_id, reference, description, metadata,
                     occurred_at)
SELECT *
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
