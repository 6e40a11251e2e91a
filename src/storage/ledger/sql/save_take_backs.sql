-- Inserts movements of taken-back money, and writes what was given back of known ones.
--
-- Per movement:
-- $1 text[] source
-- $2 int[] number
-- $3 text[] part
-- $4 uuid[] order
-- $5 text[] customer
-- $6 uuid[] wallet id
-- $7 text[] counterpart of the source's own money
-- $8 uuid[] grant; null where it is for the order's money
-- $9 numeric[] taken
-- $10 numeric[] given back
-- $11 int[] in how many entries it was given back
-- $12 timestamptz[] taken_at
--
-- Returns nothing.
INSERT INTO take_backs (source, n, part, order_id, customer_id, wallet_id, counterpart, grant_id, taken, given_back,
                        returns, taken_at)
SELECT *
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (source, n) DO UPDATE
SET given_back = excluded.given_back,
    returns = excluded.returns
