-- The grant uses of stretches, by entry and grant.
--
-- Per stretch:
-- $1 text[] customer
-- $2 uuid[] wallet
-- $3 bigint[] number of the first entry
-- $4 bigint[] number of the last entry
--
-- Returns the number of the stretch, from 1, and the columns of each use.
SELECT t.n, u.seq, u.grant_id, u.amount
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS t (customer_id, wallet_id, from_seq, to_seq, n)
CROSS JOIN LATERAL (SELECT * FROM all_grant_uses l
                    WHERE l.customer_id = t.customer_id AND l.wallet_id = t.wallet_id
                      AND l.seq BETWEEN t.from_seq AND t.to_seq
                    OFFSET 0) AS u
ORDER BY t.n, u.seq, u.grant_id
