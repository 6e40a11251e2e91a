-- Inserts movements of taken-back money, and writes how much of existing ones was given back.
--
-- Per movement:
-- $1 text[] source
-- $2 int[] number
-- $3 text[] part
-- $4 uuid[] order that brought the money; null if the money came to a wallet without an order
-- $5 uuid[] the payment that brought it in that case
-- $6 text[] customer
-- $7 uuid[] wallet id
-- $8 text[] counterpart of the source's own money
-- $9 uuid[] grant; null if the movement is for money
-- $10 numeric[] taken
-- $11 numeric[] given back
-- $12 int[] in how many entries it was given back
-- $13 timestamptz[] taken_at
--
-- Returns nothing.
INSERT INTO take_backs (source, n, part, order_id, payment_id, customer_id, wallet_id, counterpart, grant_id, taken,
                        given_back, returns, taken_at)
SELECT *
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (source, n) DO UPDATE
SET given_back = excluded.given_back,
    returns = excluded.returns
